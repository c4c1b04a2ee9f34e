import Foundation
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization

/// The platform's processes: two instances of each service, and the gateway.
final class Fleet: Sendable {
    /// A process that the trial kills, freezes or restarts.
    struct Member: Sendable {
        let service: String
        let port: Int
        var name: String { "\(service) \(port)" }
    }

    /// A kind of fault that the trial injects into a member.
    enum Fault: String, CaseIterable {
        case killed, frozen, restarted
        /// Every service got a new key and a new certificate while it ran.
        case rotated
        /// The database server was killed and started again.
        case bounced

        /// The faults of instances, in the order in which they come.
        static let ofInstances: [Fault] = [.killed, .frozen, .restarted]
    }

    /// A fault that has ended.
    struct AppliedFault: Sendable {
        let member: String
        let fault: Fault
        /// When the fault began, since the load began.
        let from: Duration
        /// When the member was ready again, since the load began.
        let to: Duration
        /// The exit code of the process that ended; nil if the process kept running.
        let exitCode: Int32?

        /// Whether a graceful restart ended with exit code 0. Always true for other faults.
        var wentWell: Bool { fault != .restarted || exitCode == 0 }
    }

    let url: String
    /// The account of the platform's administrator.
    static let admin = (email: "admin@petpro.example", password: "correct horse")
    private let past = Mutex<[AppliedFault]>([])
    private let program: URL
    private let data: String
    /// The folder of the certificates. Nil without TLS.
    private let certificates: String?
    private let environment: [String: String]
    private let members: [Member]
    private let running: Mutex<[String: RunningProgram]>
    private let gateway: RunningProgram

    private init(
        url: String, program: URL, data: String, certificates: String?, environment: [String: String],
        members: [Member], running: [String: RunningProgram], gateway: RunningProgram
    ) {
        self.certificates = certificates
        self.url = url
        self.program = program
        self.data = data
        self.environment = environment
        self.members = members
        self.running = Mutex(running)
        self.gateway = gateway
    }

    /// A process ended before it was ready.
    struct NotStarted: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts the platform. With `isEncrypted`, its services use TLS. `rates` says whether the gateway limits the rate of requests.
    /// `database` is the connection string of a PostgreSQL database; nil for SQLite.
    static func start(
        _ program: URL, data: String, database: String?, isEncrypted: Bool, rates: LoadRates
    ) async throws -> Fleet {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let certificates = isEncrypted ? data + "/certs" : nil
        if let certificates { try await run(program, ["certs", "dev", "--out", certificates]) }
        let services = ["auth", "booking", "vendor", "product"]
        let port = try await FreePorts.first(of: 2 * services.count)
        let members = (services + services).enumerated().map { Member(service: $1, port: port + $0) }
        func addresses(_ service: String) -> String {
            members.filter { $0.service == service }.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        }
        let environment = [
            "PETPRO_AUTH": addresses("auth"), "PETPRO_PRODUCT": addresses("product"),
            // With TLS too, so that a rotation of the field keys would show.
            "ROOKERY_CLIENT_FIELDS_MODE": "always", "ROOKERY_SERVER_FIELDS_MODE": "always",
            "PETPRO_BOOKING": addresses("booking"), "PETPRO_VENDOR": addresses("vendor"),
        ].merging(rates.environment) { own, _ in own }
            .merging(database.map { ["PETPRO_DATABASE": $0] } ?? [:]) { own, _ in own }
        var running: [String: RunningProgram] = [:]
        var isStarted = false
        // Kills the processes that run already if a later one does not start.
        defer { if !isStarted { for process in running.values { process.send(SIGKILL) } } }
        // One after the other, because the first instance creates the database.
        for member in members {
            running[member.name] = try await serve(
                program, member.service, data, certificates, environment, port: member.port
            ).program
        }
        try await run(
            program,
            [
                "users", "create-admin", "--email", admin.email, "--name", "Admin", "--data", data, "--password-cost",
                "10",
            ], environment.merging(["PETPRO_ADMIN_PASSWORD": admin.password]) { own, _ in own })
        let gateway = try await serve(program, "gateway", data, certificates, environment)
        isStarted = true
        return Fleet(
            url: gateway.ready, program: program, data: data, certificates: certificates, environment: environment,
            members: members, running: running, gateway: gateway.program)
    }

    private static func serve(
        _ program: URL, _ part: String, _ data: String, _ certificates: String?, _ environment: [String: String],
        port: Int? = nil
    ) async throws -> (program: RunningProgram, ready: String) {
        var arguments = [
            "serve", part, "--data", data, "--password-cost", "10", "--http", "127.0.0.1:0", "--log-level",
            "error",
        ]
        if let certificates { arguments += ["--tls", certificates] }
        if let port { arguments += ["--listen", "127.0.0.1:\(port)"] }
        let process = try await RunningProgram(program, arguments, environment: environment)
        guard let line = await process.line("ready ") else {
            throw NotStarted(description: "\(part) ended before it was ready; its errors are above")
        }
        return (process, String(line.dropFirst("ready ".count)))
    }

    // MARK: Faults

    /// Injects a fault every `every` seconds, and reports it to `note`. `seed` chooses members and faults; without it they take turns.
    ///
    /// The last fault ends within `seconds`. Throws ``NotStarted`` if a member does not start again.
    func injectFaults(
        seconds: Int, every: Int, seed: UInt64?, since begin: ContinuousClock.Instant,
        _ note: @Sendable (String) -> Void
    ) async throws {
        let clock = ContinuousClock()
        var random = SeededRandom(seed ?? 0)
        for turn in 1... {
            let at = turn * every
            if turn > Self.count(seconds: seconds, every: every) { return }
            try await clock.sleep(until: begin + .seconds(at))
            let choice = seed == nil ? turn - 1 : Int.random(in: 0..<members.count * 3, using: &random)
            let member = members[choice % members.count]
            let fault = Fault.ofInstances[choice % 3]
            note("\(at) s: \(member.name) \(fault.rawValue)")
            let from = begin.duration(to: clock.now)
            let code = try await perform(fault, member)
            let happened = AppliedFault(
                member: member.name, fault: fault, from: from, to: begin.duration(to: clock.now), exitCode: code)
            past.withLock { $0.append(happened) }
        }
    }

    /// Returns the number of faults in this time.
    ///
    /// The last one begins at least 4 s before the end, or half of `seconds` if that is less.
    static func count(seconds: Int, every: Int) -> Int { max(0, (seconds - min(4, seconds / 2)) / every) }

    /// The faults that have ended.
    var faults: [AppliedFault] { past.withLock { $0 } }

    private func perform(_ fault: Fault, _ member: Member) async throws -> Int32? {
        guard let process = running.withLock({ $0[member.name] }) else { return nil }
        switch fault {
        case .frozen:
            process.send(SIGSTOP)
            try await Task.sleep(for: .seconds(3))
            process.send(SIGCONT)
            return nil
        case .killed: process.send(SIGKILL)
        case .restarted: process.send(SIGTERM)
        case .rotated, .bounced: return nil
        }
        let code = await process.exitCode()
        let (again, _) = try await Self.serve(
            program, member.service, data, certificates, environment, port: member.port)
        running.withLock { $0[member.name] = again }
        return code
    }

    /// Gives every service a new key and a new certificate, and makes new keys for personal data, `rotations` times, evenly in
    /// `seconds`. The old service keys expire two seconds later. Throws ``NotStarted`` if a rotation fails.
    func rotate(
        seconds: Int, rotations: Int, since begin: ContinuousClock.Instant, _ note: @Sendable (String) -> Void
    ) async throws {
        for turn in 1...rotations {
            try await ContinuousClock().sleep(until: begin + .seconds(seconds * turn / (rotations + 1)))
            let from = begin.duration(to: .now)
            note("\(Int(from.components.seconds)) s: all keys and certificates rotated")
            for holder in ["gateway", "auth", "booking", "vendor", "product"] {
                try await Self.run(program, ["keys", "rotate", holder, "--overlap", "2s", "--data", data])
            }
            for keys in [[], ["--fields"]] {
                try await Self.run(program, ["encryption", "rotate", "--data", data] + keys, environment)
            }
            if let certificates { try await Self.run(program, ["certs", "dev", "--out", certificates]) }
            let happened = AppliedFault(
                member: "all", fault: .rotated, from: from, to: begin.duration(to: .now), exitCode: nil)
            past.withLock { $0.append(happened) }
        }
    }

    /// Kills the database server and starts it again, by a command of the shell. Throws ``NotStarted`` if that fails.
    func bounce(_ command: String, at time: Duration, since begin: ContinuousClock.Instant) async throws {
        try await ContinuousClock().sleep(until: begin + time)
        let from = begin.duration(to: .now)
        try await Self.run(URL(filePath: "/bin/sh"), ["-c", command])
        let happened = AppliedFault(
            member: "database", fault: .bounced, from: from, to: begin.duration(to: .now), exitCode: nil)
        past.withLock { $0.append(happened) }
    }

    /// Runs a command to its end. Throws ``NotStarted`` if it fails.
    private static func run(_ program: URL, _ arguments: [String], _ environment: [String: String] = [:]) async throws {
        let code = await (try RunningProgram(program, arguments, environment: environment)).exitCode()
        if code != 0 {
            throw NotStarted(
                description: "\(program.lastPathComponent) \(arguments.joined(separator: " ")) ended with \(code)")
        }
    }

    private var all: [RunningProgram] { running.withLock { Array($0.values) } + [gateway] }

    /// Stops all processes with SIGTERM. Returns false if the exit code of one is not 0.
    func stop() async -> Bool {
        for process in all { process.send(SIGTERM) }
        var isGood = true
        for process in all where await process.exitCode() != 0 { isGood = false }
        return isGood
    }

    func kill() {
        for process in all {
            process.send(SIGCONT)
            process.send(SIGKILL)
        }
    }
}
