import Foundation
import RookeryTesting

/// What a run of the program `rookery` printed, and how it ended.
struct RookeryRun {
    let output: String
    let errors: String
    let code: Int32
}

/// Runs `rookery` to its end.
func rookery(_ arguments: String...) async throws -> RookeryRun { try await rookery(arguments) }

/// Runs `rookery` to its end.
func rookery(_ arguments: [String]) async throws -> RookeryRun {
    let errors = NSTemporaryDirectory() + "rookery-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: errors) }
    let program = try await RunningProgram(RunningProgram.url("rookery"), arguments, errorsTo: errors)
    let code = await program.exitCode()
    // The pipe's end comes after the last line.
    _ = await program.line("\u{0}")
    return RookeryRun(
        output: program.printed, errors: try String(contentsOfFile: errors, encoding: .utf8), code: code)
}
