import Foundation
import PetProTesting
import RookeryTesting

/// Profiles a process with `perf` while a load runs.
struct Profile {
    private static let perf = URL(filePath: "/usr/bin/perf")
    private let recording: RunningProgram
    private let data: String
    private let report: String

    /// Starts to record a process for `seconds`. `report` is the path of the later report.
    ///
    /// Throws if `perf` is not installed, or if the folder of the report cannot be created.
    static func start(_ process: Int32, seconds: Double, _ report: String) async throws -> Profile {
        guard FileManager.default.isExecutableFile(atPath: perf.path) else {
            throw HTTP.Unexpected("--perf needs \(perf.path): install linux-perf, or remove the option")
        }
        try FileManager.default.createDirectory(
            atPath: (report as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        let data = report + ".data"
        let arguments = ["record", "-F", "999", "-g", "-o", data, "-p", "\(process)", "--", "sleep", "\(seconds)"]
        let recording = try await RunningProgram(perf, arguments, errorsTo: report + ".log")
        return Profile(recording: recording, data: data, report: report)
    }

    /// Waits for the end of the recording and writes the report, by symbol. Throws if `perf report` fails.
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
