import Foundation
import RookeryTesting

/// A profile of a process by `perf`, while a load runs.
struct Profile {
    private static let perf = URL(filePath: "/usr/bin/perf")
    private let recording: RunningProgram
    private let data: String
    private let report: String

    /// Nil where there is no `perf`.
    static func start(_ process: Int32, _ report: String) -> Profile? {
        guard FileManager.default.isExecutableFile(atPath: perf.path) else { return nil }
        try? FileManager.default.createDirectory(
            atPath: (report as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        let data = report + ".data"
        let arguments = ["record", "-F", "999", "-g", "-o", data, "-p", "\(process)"]
        return (try? RunningProgram(perf, arguments, errorsTo: report + ".log")).map {
            Profile(recording: $0, data: data, report: report)
        }
    }

    /// Ends it and writes what took the time, by symbol.
    func finish() async {
        recording.send(SIGINT)
        _ = await recording.exitCode()
        let arguments = ["report", "-i", data, "--no-children", "-g", "none", "--sort", "symbol", "--stdio"]
        guard let reporting = try? RunningProgram(Self.perf, arguments, errorsTo: report + ".log") else { return }
        _ = await reporting.exitCode()
        try? reporting.printed.write(toFile: report, atomically: true, encoding: .utf8)
    }
}
