import Foundation
import PetProTesting
import RookeryTesting
import Synchronization

/// Two instances of Product over one database, as processes.
final class ProductPair: Sendable {
    private let program: URL
    private let data: String
    private let database: String?
    private let ports: [Int]
    private let running: Mutex<[RunningProgram]>
    private let faults = Mutex(0)

    private init(_ program: URL, data: String, database: String?, ports: [Int], running: [RunningProgram]) {
        self.program = program
        self.data = data
        self.database = database
        self.ports = ports
        self.running = Mutex(running)
    }

    /// Starts both, in a new folder. Throws ``Fleet/NotStarted`` if one ends before it is ready.
    static func start(_ program: URL, data: String, database: String?) async throws -> ProductPair {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let port = try await FreePorts.first(of: 2)
        var running: [RunningProgram] = []
        do {
            for at in [port, port + 1] { running.append(try await serve(program, data, database, at)) }
        } catch {
            for process in running { process.send(SIGKILL) }
            throw error
        }
        return ProductPair(program, data: data, database: database, ports: [port, port + 1], running: running)
    }

    private static func serve(
        _ program: URL, _ data: String, _ database: String?, _ port: Int
    ) async throws -> RunningProgram {
        let arguments = [
            "serve", "product", "--data", data, "--listen", "127.0.0.1:\(port)", "--open", "product", "--log-level",
            "error",
        ]
        let process = try await RunningProgram(
            program, arguments, environment: database.map { ["PETPRO_DATABASE": $0] } ?? [:])
        guard await process.line("ready ") != nil else {
            throw Fleet.NotStarted(description: "product ended before it was ready; its errors are above")
        }
        return process
    }

    /// The addresses of both, as a client takes them.
    var addresses: String { ports.map { "127.0.0.1:\($0)" }.joined(separator: ",") }
    /// How many faults there were.
    var faultCount: Int { faults.withLock { $0 } }

    /// Kills or freezes an instance every two seconds, until the task is cancelled. A frozen one goes on after six seconds.
    func injectFaults(seed: UInt64, _ note: @Sendable (String) -> Void) async throws {
        var random = SeededRandom(seed &* 1000 &+ 999)
        for turn in 0... {
            try await Task.sleep(for: .seconds(2))
            let at = turn % 2
            let process = running.withLock { $0[at] }
            faults.withLock { $0 += 1 }
            if Bool.random(using: &random) {
                note("port \(ports[at]) killed")
                process.send(SIGKILL)
                _ = await process.exitCode()
                let again = try await Self.serve(program, data, database, ports[at])
                running.withLock { $0[at] = again }
            } else {
                note("port \(ports[at]) frozen")
                process.send(SIGSTOP)
                // A cancelled pause must not leave it frozen.
                defer { process.send(SIGCONT) }
                try await Task.sleep(for: .seconds(6))
            }
        }
    }

    /// Ends both.
    func stop() async {
        for process in running.withLock({ $0 }) {
            process.send(SIGTERM)
            _ = await process.exitCode()
        }
    }

    /// Kills both.
    func kill() {
        for process in running.withLock({ $0 }) {
            process.send(SIGCONT)
            process.send(SIGKILL)
        }
    }
}
