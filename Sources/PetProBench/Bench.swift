import CommandSupport
import Foundation
import Histogram
import NIOCore
import PetProTesting
import Rookery
import RookeryTesting

/// Runs the measurements, each on platforms of its own.
struct Bench: Sendable {
    let program: URL
    let seconds: Double
    let cores: Cores?
    /// Another petpro, to measure beside the first.
    let other: URL?
    let profiles: String?
    /// The connection string of a PostgreSQL server, to measure it too.
    let postgres: String?
    let isJSON: Bool

    /// The password cost of measurements that do not measure passwords. A low cost keeps their preparation short.
    private static let cheap = 10

    func measure(_ part: Measurement) async throws -> Table {
        switch part {
        case .availability: try await availability()
        case .tracing: try await tracing()
        case .versions: try await versions()
        case .bookings: try await bookings()
        case .encryption: try await encryption()
        case .overload: try await overload()
        case .hashes: try await hashes()
        case .lists: try await lists()
        case .fanout: try await fanOut()
        case .process: try await process()
        case .store: try await store()
        }
    }

    // MARK: Loads

    func with<Result>(
        _ program: URL? = nil, isPinned: Bool, isDemo: Bool = false, environment: [String: String] = [:],
        arguments: [String] = [], bookings: Int = 0,
        passwordCost: Int = cheap,
        _ body: (PlatformProcess, Flows) async throws -> Result
    ) async throws -> Result {
        if isPinned { try await cores?.keepLoad() } else { try await cores?.release() }
        let platform = try await PlatformProcess.start(
            program ?? self.program, purpose: "bench", rates: .off, core: isPinned ? cores?.platform : nil,
            isDemo: isDemo,
            passwordCost: passwordCost, environment: environment, arguments: arguments)
        do {
            let flows = try await Flows.prepare(platform.http, bookings: bookings)
            let result = try await body(platform, flows)
            let (_, code) = await platform.stop()
            if code != 0 { throw HTTP.Unexpected("the platform ended with \(code): see \(platform.log)") }
            platform.remove()
            return result
        } catch {
            platform.kill()
            throw error
        }
    }

    func load(
        _ name: String, _ shape: HTTPLoad.Shape, port: Int, seconds: Double? = nil, warmUp: Double = 0.5,
        profiled: PlatformProcess? = nil, isQuiet: Bool = false, _ request: @escaping @Sendable (Int) -> ByteBuffer
    ) async throws -> LoadResult {
        let load = HTTPLoad(
            port: port, shape: shape, seconds: seconds ?? self.seconds, warmUp: warmUp,
            request: request)
        var profile: Profile?
        if let profiles, let profiled {
            let file = name.replacing(", ", with: "-").replacing(" ", with: "-")
            profile = try await Profile.start(profiled.processID, seconds: load.seconds, "\(profiles)/\(file).txt")
        }
        let result = try await load.run()
        try await profile?.finish()
        if isQuiet { return result }
        if isJSON {
            var object = result.json
            object["load"] = .string(name)
            Terminal.line(JSONValue.object(object).jsonText)
        } else {
            let others = result.others.isEmpty ? "" : ", \(result.others)"
            Terminal.note("  \(name): \(result.rate.perSecond), p50 \(result.latency(50).milliseconds)\(others)")
        }
        return result
    }

    private func cells(_ result: LoadResult) -> [String] {
        [
            result.rate.perSecond, result.latency(50).milliseconds, result.latency(99).milliseconds,
            result.latency(99.9).milliseconds,
        ]
    }

    // MARK: Tables

    private func availability() async throws -> Table {
        var table = Table(
            "Flow 2, a product's availability over HTTP: three calls over TCP. The service on one core, the load on another.",
            "connections", "", "rate", "p50", "p99", "p99.9")
        let shapes = [64, 1]
        try await with(isPinned: true) { platform, flows in
            for connections in shapes {
                let result = try await load(
                    "flow 2, \(connections)", .closed(connections: connections), port: platform.port,
                    profiled: platform
                ) { _ in flows.availability() }
                let cells = cells(result)
                table.add("\(connections)", "PetPro", cells[0], cells[1], cells[2], cells[3])
            }
        }
        guard let node = try await NodePeer.start(core: cores?.platform) else {
            table.notes.append("Without the Node peer, which needs Node and the project's folder as working directory.")
            return table
        }
        for connections in shapes {
            let result = try await load(
                "Node, \(connections)", .closed(connections: connections), port: node.port
            ) { _ in RequestBytes.get("/api/products/9001/availability") }
            let cells = cells(result)
            table.add("\(connections)", "bare Node", cells[0], cells[1], cells[2], cells[3])
        }
        await node.stop()
        return table
    }

    /// Measures platforms with a console beside one without.
    private func tracing() async throws -> Table {
        var table = Table(
            """
            What the console costs: flow 2 over 32 connections each, on one core, by two platforms at once, in \(Self.roundCount) rounds.
            """,
            "console", columns: Round.columns("without"))
        // Two at a time, so that each has half of the core.
        let names = [
            "none", "ten requests a second", "demo mode: 200 requests a second, and the calls in each response",
        ]
        for (name, isDemo) in [(names[1], false), (names[2], true)] {
            try await with(isPinned: true) { plain, flows in
                try await with(isPinned: true, isDemo: isDemo, arguments: isDemo ? [] : ["--console"]) {
                    traced, tracedFlows in
                    try await add([(plain, flows), (traced, tracedFlows)], [names[0], name], to: &table)
                }
            }
        }
        // A collector that takes connections and never answers.
        let frozen = try await FrozenCollector.start()
        let export = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(frozen.port)", "OTEL_BSP_SCHEDULE_DELAY": "200",
        ]
        try await with(isPinned: true) { plain, flows in
            try await with(isPinned: true, environment: export, arguments: ["--console"]) { traced, tracedFlows in
                try await add([(plain, flows), (traced, tracedFlows)], [names[0], frozen.name], to: &table)
            }
        }
        try await frozen.stop()
        return table
    }

    /// Measures platforms side by side at the limit of the core, and at 300 requests a second each, as their users meet them.
    private func add(
        _ platforms: [(PlatformProcess, Flows)], _ names: [String], to table: inout Table
    ) async throws {
        add(names, try await sideBySide(platforms, names), to: &table)
        let steady = names.map { "\($0); 300/s" }
        add(steady, try await sideBySide(platforms, steady, .open(rate: 300, connections: 32)), to: &table)
    }

    /// Measures the program beside another one.
    private func versions() async throws -> Table {
        var table = Table(
            "Flow 2 on one core, by two versions of the platform at once, in \(Self.roundCount) rounds.",
            "connections, program", columns: Round.columns("the other"))
        guard let other else { return table }
        for connections in [32, 1] {
            let names = ["\(connections), the other", "\(connections), this"]
            let rounds = try await with(other, isPinned: true) { old, oldFlows in
                try await with(isPinned: true) { new, newFlows in
                    try await sideBySide([(old, oldFlows), (new, newFlows)], names, .closed(connections: connections))
                }
            }
            add(names, rounds, to: &table)
        }
        return table
    }

    private func bookings() async throws -> Table {
        var table = Table(
            "Flow 1, a booking over HTTP, all the way to the disk. Platform and load share all cores.", "load", "rate",
            "p50", "p99", "p99.9")
        let bare = try await with(isPinned: false, bookings: Int(seconds * 15_000)) { platform, flows in
            for connections in [64, 16, 1] {
                let result = try await load(
                    "flow 1, \(connections)", .closed(connections: connections), port: platform.port,
                    profiled: platform
                ) { _ in flows.booking() }
                let cells = cells(result)
                table.add("\(connections) connections", cells[0], cells[1], cells[2], cells[3])
            }
            let steady = try await load(
                "flow 1, 300/s", .open(rate: 300, connections: 64), port: platform.port
            ) { _ in flows.booking() }
            let cells = cells(steady)
            table.add("300/s", cells[0], cells[1], cells[2], cells[3])
            // Measures on a copy, while the platform is idle.
            let copy = platform.data + "-copy"
            // If this fails, the copy remains in the folder for temporary files.
            defer { try? FileManager.default.removeItem(atPath: copy) }
            try FileManager.default.copyItem(atPath: platform.data, toPath: copy)
            return try SQLiteLoop.rate(copy, seconds: seconds)
        }
        table.add("bare SQLite, one connection", bare.perSecond, "", "", "")
        return table
    }

    /// Measures platforms with and without encryption side by side. Every booking has a note and a key, so that a note and a
    /// reply are sealed, and the note is encrypted in two messages.
    private func encryption() async throws -> Table {
        var table = Table(
            """
            What encryption of personal data costs: flow 1, a booking with a note, on one core, by four platforms at once, \
            in \(Self.roundCount) rounds.
            """,
            "personal data", columns: Round.columns("without"))
        let names = ["as it is", "encrypted between services", "sealed in the databases", "both, as by default"]
        let never = ["ROOKERY_CLIENT_FIELDS_MODE": "never", "ROOKERY_SERVER_FIELDS_MODE": "never"]
        let count = Int(Double(Self.roundCount) * (seconds / 4 + 0.5) * 4000)
        let rounds = try await with(isPinned: true, environment: never, arguments: ["--plain-data"], bookings: count) {
            plain, plainFlows in
            try await with(isPinned: true, arguments: ["--plain-data"], bookings: count) { sent, sentFlows in
                try await with(isPinned: true, environment: never, bookings: count) { stored, storedFlows in
                    try await with(isPinned: true, bookings: count) { both, bothFlows in
                        try await sideBySide(
                            [(plain, plainFlows), (sent, sentFlows), (stored, storedFlows), (both, bothFlows)], names
                        ) { $0.booking(notes: "Shy with strangers, and not fed before ten.") }
                    }
                }
            }
        }
        add(names, rounds, to: &table)
        return table
    }

    private func overload() async throws -> Table {
        var table = Table(
            "Overload over HTTP, open loop. The platform on one core, the load on another; two seconds pass before anything is counted.",
            "flow", "asked", "answered", "p50", "p99", "refused", "refusals, p99")
        let connections = 2000
        for (flow, times, bookings) in [(1, 3, Int((6 * seconds + 12) * 5000)), (2, 2, 0)] {
            try await with(isPinned: true, bookings: bookings) { platform, flows in
                func row(_ asked: String, _ shape: HTTPLoad.Shape, warmUp: Double) async throws -> LoadResult {
                    let result = try await load(
                        "overload, flow \(flow), \(asked)", shape, port: platform.port, warmUp: warmUp
                    ) { _ in flow == 1 ? flows.booking() : flows.availability() }
                    table.add(
                        "\(flow)", asked, result.rate.perSecond, result.latency(50).milliseconds,
                        result.latency(99).milliseconds, "\(result.refused)",
                        result.refused > 0 ? result.refusal(99).milliseconds : "")
                    return result
                }
                let peak = try await row("64 connections, closed", .closed(connections: 64), warmUp: 0.5).rate
                for (name, share) in [("80 %", 0.8), ("\(times) times the peak", Double(times))] {
                    _ = try await row(name, .open(rate: Int(peak * share), connections: connections), warmUp: 2)
                }
                _ = try await row("then 50 %", .open(rate: Int(peak * 0.5), connections: connections), warmUp: 2)
            }
        }
        return table
    }

    private func hashes() async throws -> Table {
        var table = Table(
            "Passwords, at the cost that they have by default. Platform and load share all cores.", "load", "rate",
            "p50", "p99")
        try await with(isPinned: false, passwordCost: 17) { platform, flows in
            for (name, connections) in [("login", 8), ("registration of vendors (flow 3)", 8)] {
                let result = try await load(
                    name, .closed(connections: connections), port: platform.port, seconds: max(seconds, 4)
                ) { _ in name == "login" ? flows.login() : flows.registration() }
                let cells = cells(result)
                table.add("\(name), \(connections) connections", cells[0], cells[1], cells[2])
            }
            async let logins = load(
                "login beside flow 2", .closed(connections: 8), port: platform.port, seconds: max(seconds, 4)
            ) { _ in flows.login() }
            let others = try await load(
                "flow 2 beside logins", .open(rate: 200, connections: 64), port: platform.port,
                seconds: max(seconds, 4)
            ) { _ in flows.availability() }
            _ = try await logins
            let alone = try await load(
                "flow 2 without logins", .open(rate: 200, connections: 64), port: platform.port
            ) { _ in flows.availability() }
            let (cells, quiet) = (cells(others), self.cells(alone))
            table.add("flow 2 at 200/s", quiet[0], quiet[1], quiet[2])
            table.add("flow 2 at 200/s, beside 8 connections that sign in", cells[0], cells[1], cells[2])
        }
        table.add("one hash after the other, on one core", try HashLoop.rate(seconds: seconds).perSecond, "", "")
        return table
    }

    private func lists() async throws -> Table {
        var table = Table(
            "Lists of 20 vendors, products and bookings in turn. The platform on one core, the load on another.",
            "connections", "rate", "p50", "p99", "p99.9")
        try await with(isPinned: true, bookings: 1800) { platform, flows in
            _ = try await load("bookings to list", .open(rate: 300, connections: 16), port: platform.port, seconds: 2) {
                _ in flows.booking()
            }
            for connections in [64, 1] {
                let result = try await load(
                    "lists, \(connections)", .closed(connections: connections), port: platform.port,
                    profiled: platform
                ) { flows.list($0) }
                let cells = cells(result)
                table.add("\(connections)", cells[0], cells[1], cells[2], cells[3])
            }
        }
        return table
    }

    private func fanOut() async throws -> Table {
        var table = Table(
            "Stock that changes, to browsers that watch it. Platform and load share all cores.", "browsers", "changes",
            "deliveries", "p50", "p99")
        try await with(isPinned: false) { platform, flows in
            let result = try await FanOut.run(platform, flows, watchers: 200, seconds: seconds)
            let latency = { (share: Double) in
                (Double(result.latencies.valueAtPercentile(share)) / 1e6).milliseconds
            }
            table.add(
                "\(result.watchers)", (Double(result.changes) / result.seconds).perSecond, result.rate.perSecond,
                latency(50), latency(99))
        }
        return table
    }

    private func process() async throws -> Table {
        var table = Table("The process of a whole platform.", "", "")
        try await cores?.release()
        let began = ContinuousClock.now
        let platform = try await PlatformProcess.start(
            program, purpose: "bench", rates: .off, isDemo: true, passwordCost: Self.cheap)
        // `start` returns when the platform is ready. This is the first reply.
        _ = try await platform.http.get("/api/products/9001/availability")
        table.add("start to first reply", (began.duration(to: .now) / .milliseconds(1)).milliseconds)
        table.add("memory when idle", platform.memory.map { "\($0) MiB" } ?? "?")
        _ = try await load("memory", .closed(connections: 64), port: platform.port) { _ in
            RequestBytes.get("/api/products/9001/availability")
        }
        table.add("memory after a load of flow 2", platform.memory.map { "\($0) MiB" } ?? "?")
        _ = await platform.stop()
        platform.remove()
        return table
    }
}
