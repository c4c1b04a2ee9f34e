import Foundation
import PetProTesting
import Rookery
import RookeryTesting
import Testing

/// A value that must be there; unlike the macro it can stand inside another.
func need<Value>(_ value: Value?) throws -> Value { try #require(value) }

/// `petpro up`, running, with its data in a folder of its own.
struct RunningPlatform: Sendable {
    let http: HTTP
    let program: RunningProgram
    let data: String
    /// The port of the first service, Auth; those of Booking, Vendor and Product follow.
    let basePort: Int?

    static func running<Result: Sendable>(
        _ arguments: [String] = [], _ body: (RunningPlatform) async throws -> Result
    ) async throws -> Result {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        let platform = try await start(data: data, arguments)
        do {
            let result = try await body(platform)
            platform.program.send(SIGTERM)
            #expect(await platform.program.exitCode() == 0)
            try? FileManager.default.removeItem(atPath: data)
            return result
        } catch {
            platform.program.send(SIGKILL)
            throw error
        }
    }

    static func start(
        data: String, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws -> RunningPlatform {
        var basePort = 0
        var program: RunningProgram?
        var line: String?
        // A connection of another test may take a port that was free a moment ago.
        for _ in 0..<3 where line == nil {
            basePort = try await FreePorts.first(of: 8)
            let started = try await RunningProgram(
                RunningProgram.url("petpro"),
                [
                    "up", "--demo", "--data", data, "--password-cost", "10", "--http", "127.0.0.1:0", "--base-port",
                    String(basePort),
                ] + arguments, environment: LoadRates.off.environment.merging(environment) { _, given in given })
            line = await started.line("ready ")
            program = started
        }
        guard let program else { throw HTTP.Unexpected("no attempt was made") }
        let readyLine = try need(line)
        let url = String(readyLine.dropFirst("ready ".count))
        // Each answer is held against the document.
        let document = try await HTTP(url: url).get("/openapi.json").body
        return RunningPlatform(
            http: HTTP(url: url, answers: AnswerCheck(document: document)), program: program, data: data,
            basePort: basePort)
    }
}
