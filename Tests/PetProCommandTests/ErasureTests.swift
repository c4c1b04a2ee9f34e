import Foundation
import NIOHTTP1
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

/// The parts of a platform in processes of their own, which a test stops and starts again.
private final class Parts {
    static let names = ["auth", "booking", "vendor", "product", "gateway"]
    let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
    private let environment: [String: String]
    private var programs: [String: RunningProgram] = [:]
    private(set) var http = HTTP(url: "")

    init() async throws {
        let port = try await FreePorts.first(of: 4)
        var environment = LoadRates.off.environment
        for (at, name) in Self.names.dropLast().enumerated() {
            environment["PETPRO_\(name.uppercased())"] = "127.0.0.1:\(port + at)"
        }
        self.environment = environment
    }

    func start(_ names: [String] = names) async throws {
        for name in names {
            let program = try await RunningProgram(
                RunningProgram.url("petpro"),
                [
                    "serve", name, "--data", data, "--demo", "--http", "127.0.0.1:0", "--password-cost", "10",
                    "--log-level", "critical",
                ], environment: environment)
            programs[name] = program
            let ready = try need(await program.line("ready "))
            if name == "gateway" { http = HTTP(url: String(ready.dropFirst("ready ".count))) }
        }
    }

    func stop(_ names: [String] = names, _ signal: Int32 = SIGTERM) async {
        for name in names {
            programs[name]?.send(signal)
            _ = await programs[name]?.exitCode()
            programs[name] = nil
        }
    }

    func kill() { for program in programs.values { program.send(SIGKILL) } }

    /// The numbers in the first column of a query's rows.
    func numbers(_ service: String, _ sql: String) async throws -> [Int] {
        let database = try Database(inspecting: "\(data)/\(service).sqlite")
        let found = try await database.read { transaction in try transaction.rows(sql) { try $0.int() } }
        try database.close()
        return found
    }

    /// Waits until a query has rows: for at most ten seconds, because work in the background takes a moment.
    func wait(_ service: String, _ sql: String) async throws -> [Int] {
        for _ in 0..<200 {
            let found = try await numbers(service, sql)
            if !found.isEmpty { return found }
            try await Task.sleep(for: .milliseconds(50))
        }
        return []
    }
}

@Suite("A person who is erased", .serialized, .timeLimit(.minutes(2)))
struct ErasureTests {
    private static let services = Parts.names.dropLast()

    @Test(
        "leaves a receipt in every service, in one that was down as well; the account and its pets do not come back with a backup"
    )
    func erasure() async throws {
        let parts = try await Parts()
        defer {
            parts.kill()
            try? FileManager.default.removeItem(atPath: parts.data)
        }
        try await parts.start()
        let account: JSONValue = ["email": "gone@petpro.example", "password": "correct horse", "name": "Gone"]
        let credentials: JSONValue = ["email": "gone@petpro.example", "password": "correct horse"]
        let id = try need(try await parts.http.make("/api/auth/register", account)["id"]?.intValue)
        func signIn() async throws -> String? {
            try await parts.http.post("/api/auth/login", credentials).body["accessToken"]?.stringValue
        }
        var token = try need(try await signIn())
        let pet: JSONValue = ["name": "Rex", "species": "dog", "notes": "bites"]
        #expect(try await parts.http.post("/api/pets", pet, token: token).status == 201)
        let export = try await parts.http.get("/api/me/export", token: token).body
        #expect(export["pets"]?.arrayValue?.first?["notes"] == "bites")

        // Yesterday's backup: the databases, without the key stores.
        await parts.stop()
        let backup = parts.data + "-backup"
        defer { try? FileManager.default.removeItem(atPath: backup) }
        try FileManager.default.createDirectory(atPath: backup, withIntermediateDirectories: true)
        for service in Self.services {
            try FileManager.default.copyItem(
                atPath: "\(parts.data)/\(service).sqlite", toPath: "\(backup)/\(service).sqlite")
        }

        // Booking is down when the person leaves.
        try await parts.start()
        token = try need(try await signIn())
        await parts.stop(["booking"], SIGKILL)
        #expect(try await parts.http.send(.DELETE, "/api/me", token: token).status == 204)
        #expect(try await signIn() == nil)
        #expect(try await parts.http.get("/api/me/export", token: token).status == 401)
        #expect(try await parts.numbers("booking", "SELECT subject FROM erasures").isEmpty)
        try await parts.start(["booking"])
        let receipt = "SELECT subject FROM erasures WHERE key_destroyed_at IS NOT NULL"
        for service in Self.services {
            #expect(try await parts.wait(service, receipt) == [Int(id)], "\(service)")
        }
        let erased = "SELECT owner_id FROM pets WHERE owner_id = \(id) AND name = '-' AND notes IS NULL"
        #expect(try await parts.numbers("booking", erased) == [Int(id)])

        // The backup comes back, and the person does not.
        await parts.stop()
        for service in Self.services {
            for file in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: "\(parts.data)/\(service).sqlite\(file)")
            }
            try FileManager.default.copyItem(
                atPath: "\(backup)/\(service).sqlite", toPath: "\(parts.data)/\(service).sqlite")
        }
        #expect(try await parts.numbers("auth", "SELECT id FROM users WHERE id = \(id)") == [Int(id)])
        try await parts.start()
        #expect(try await signIn() == nil)
        for service in Self.services {
            #expect(try await parts.wait(service, receipt) == [Int(id)], "\(service)")
        }
        #expect(try await parts.numbers("auth", "SELECT id FROM users WHERE id = \(id)").isEmpty)
        #expect(try await parts.numbers("booking", erased) == [Int(id)])
        // The address is free, and the id is not given again.
        let again = try await parts.http.make("/api/auth/register", account)
        #expect(again["id"]?.intValue ?? 0 > id)
        await parts.stop()
    }
}
