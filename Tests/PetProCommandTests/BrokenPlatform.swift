import Foundation
import Logging
import PetProContracts
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import AuthService
@testable import VendorService

/// The parts of a platform in processes of their own. The gateway reaches Auth, Booking and Vendor through proxies, so that
/// a test can break each way; Booking reaches Vendor directly.
struct BrokenPlatform {
    let http: HTTP
    let data: String
    let auth: FaultProxy
    let booking: FaultProxy
    var vendor: FaultProxy
    let vendorProgram: RunningProgram
    /// Where the gateway reaches Vendor, and where Vendor is.
    let vendorPort: (proxy: Int, direct: Int)

    func reaching(vendor: FaultProxy) -> BrokenPlatform {
        var other = self
        other.vendor = vendor
        return other
    }

    /// How long the gateway waits for a call, and gives an attempt. More than the second for which a password's hash may get
    /// no time on a busy machine.
    static let settings = ["ROOKERY_CLIENT_TIMEOUT": "2s", "ROOKERY_CLIENT_RETRY_ATTEMPT_TIMEOUT": "600ms"]

    static func running(
        _ arguments: [String] = [], environment extra: [String: String] = [:],
        _ body: (BrokenPlatform) async throws -> Void
    ) async throws {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        let port = try await FreePorts.first(of: 4)
        let names = ["auth", "booking", "vendor", "product"]
        var direct: [String: String] = [:]
        for (at, name) in names.enumerated() { direct["PETPRO_\(name.uppercased())"] = "127.0.0.1:\(port + at)" }
        direct.merge(extra) { _, new in new }
        func serve(_ part: String, _ environment: [String: String]) async throws -> (RunningProgram, String) {
            let program = try await RunningProgram(
                RunningProgram.url("petpro"),
                [
                    "serve", part, "--data", data, "--demo", "--http", "127.0.0.1:0", "--password-cost", "10",
                    "--log-level", "critical",
                ] + arguments, environment: environment)
            return (program, String(try need(await program.line("ready ")).dropFirst("ready ".count)))
        }
        var programs: [String: RunningProgram] = [:]
        var isOver = false
        // A test that fails leaves nothing running.
        defer { if !isOver { for program in programs.values { program.send(SIGKILL) } } }
        for name in names { programs[name] = try await serve(name, direct).0 }
        var proxies: [FaultProxy] = []
        var broken = direct.merging(settings) { _, new in new }
        for (at, name) in names.dropLast().enumerated() {
            let proxy = try await FaultProxy.start(to: ("127.0.0.1", port + at))
            broken["PETPRO_\(name.uppercased())"] = "127.0.0.1:\(proxy.port)"
            proxies.append(proxy)
        }
        let (gateway, url) = try await serve("gateway", broken)
        programs["gateway"] = gateway
        try await body(
            BrokenPlatform(
                http: HTTP(url: url), data: data, auth: proxies[0], booking: proxies[1], vendor: proxies[2],
                vendorProgram: try need(programs["vendor"]), vendorPort: (proxies[2].port, port + 2)))
        isOver = true
        for program in programs.values {
            program.send(SIGTERM)
            let code = await program.exitCode()
            #expect(code == 0 || code == -SIGKILL, "only what the test killed may end otherwise")
        }
        // One may have been closed by the test already.
        for proxy in proxies { try? await proxy.close() }
        try? FileManager.default.removeItem(atPath: data)
    }

    /// What is sent arrives; what is answered does not.
    func loseReplies(_ proxy: FaultProxy) {
        proxy.replyFaults = [.stall(after: 0)]
    }

    func heal(_ proxy: FaultProxy) {
        proxy.faults = []
        proxy.replyFaults = []
        proxy.resetAll()
    }

    func wish(_ week: Int) -> JSONValue {
        ["vendorId": 3, "serviceId": 6, "petId": 1, "start": .string(Self.start(week))]
    }

    /// In the morning, in Berlin, of the next Wednesday but one, or so many weeks later.
    private static func start(_ week: Int) -> String {
        var day = Int64(Date().timeIntervalSince1970) / 86_400 + 8
        // 1970-01-01 was a Thursday.
        while (day + 4) % 7 != 3 { day += 1 }
        return Instant(milliseconds: (day + Int64(week) * 7) * 86_400_000 + 8 * 3_600_000).description
    }

    func rows(_ database: String, _ sql: String) async throws -> Int {
        let database = try Database(inspecting: "\(data)/\(database).sqlite")
        let count = try await database.read { try $0.table(sql).count }
        try database.close()
        return count
    }

    /// Runs `body` with a service's database as the service opens it, since personal data is sealed.
    private func open<Value: Sendable>(
        _ service: String, _ migrations: [Migration], _ body: @Sendable @escaping (Transaction) throws -> Value
    ) async throws -> Value {
        let keys = try EncryptionKeyFile(
            "\(data)/encryption-keys.json", logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        let database = try Database(
            path: "\(data)/\(service).sqlite", migrations: migrations,
            protection: Protection(service: service, keys: keys))
        let value = try await database.read(body)
        try database.close()
        return value
    }

    /// The state of the account with an address. Nil without one.
    func account(_ email: String) async throws -> UserState? {
        try await open("auth", AuthController.migrations) { try $0.user(email: email)?.user.state }
    }

    /// How many vendors have a name.
    func vendors(named name: String) async throws -> Int {
        try await open("vendor", VendorController.migrations) { transaction in
            try transaction.vendors(ListVendors(limit: 100)).count { $0.businessName == name }
        }
    }
}
