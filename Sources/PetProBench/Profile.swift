import Foundation
import PetProTesting
import RookeryTesting

/// A profile of a process by `perf`, while a load runs.
struct Profile {
    private static let perf = URL(filePath: "/usr/bin/perf")
    private let recording: RunningProgram
    private let data: String
    private let report: String

    /// Throws where there is no `perf`, or no folder for the report can be made.
    static func start(_ process: Int32, seconds: Double, _ report: String) async throws -> Profile {
        guard FileManager.default.isExecutableFile(atPath: perf.path) else {
            throw HTTP.Unexpected("--perf needs \(perf.path): install linux-perf, or leave the option out")
        }
        try FileManager.default.createDirectory(
            atPath: (report as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        let data = report + ".data"
        let arguments = ["record", "-F", "999", "-g", "-o", data, "-p", "\(process)", "--", "sleep", "\(seconds)"]
        let recording = try await RunningProgram(perf, arguments, errorsTo: report + ".log")
        return Profile(recording: recording, data: data, report: report)
    }

    /// Waits for its end and writes what took the time, by symbol.
    func finish() async throws {
        _ = await recording.exitCode()
        let arguments = ["report", "-i", data, "--no-children", "-g", "none", "--sort", "symbol", "--stdio"]
        let reporting = try await RunningProgram(Self.perf, arguments, errorsTo: report + ".log")
        if await reporting.exitCode() != 0 {
            throw HTTP.Unexpected("perf could not make a report: see \(report).log")
        }
        try reporting.printed.write(toFile: report, atomically: true, encoding: .utf8)
    }
}
