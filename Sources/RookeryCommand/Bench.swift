import ArgumentParser
import CommandSupport
import Foundation
import NIOCore
import Rookery

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures the call rate and the latencies of a service.",
        discussion: """
            By default the load is a closed loop: each connection keeps --in-flight calls in flight and sends the next \
            call when one is answered. With --rate it is an open loop: it sends calls at that rate, whether or not \
            earlier calls were answered. Each latency then counts from the time the call was due, so a stalled service \
            cannot hide its delay (no coordinated omission).

            --ramp raises the rate until the service no longer keeps up.

            The load generator works below the typed client, so that it costs less than the service it measures. \
            --client measures through the typed client instead.

            Examples:
              rookery bench 127.0.0.1:4010 '{"cmd":"get-booking"}' '{"id":1}' --duration 5s
              rookery bench 127.0.0.1:4010 '{"cmd":"get-booking"}' '{"id":1}' --rate 20000 --histogram
              rookery bench 127.0.0.1:4010 '{"cmd":"get-booking"}' '{"id":1}' --vs 127.0.0.1:3000 --plain
            """)

    enum Serializer: String, ExpressibleByArgument, CaseIterable {
        case json, messagepack
        var format: ValueFormat { self == .json ? .json : .messagePack }
    }

    @OptionGroup var target: Target
    @Option(help: "Number of connections.")
    var connections = 8
    @Option(help: "Calls in flight on each connection.")
    var inFlight = 32
    @Option(help: "How long to measure. A warm-up of a tenth of this time comes first.")
    var duration: Duration = .seconds(5)
    @Option(help: "Stop after this many calls, however long they take.")
    var requests: Int?
    @Option(help: "Calls per second over all connections, sent whether or not earlier calls were answered.")
    var rate: Double?
    @Flag(help: "Raise the rate by half after each --duration, until the service no longer keeps up.")
    var ramp = false
    @Option(help: ArgumentHelp("Also measure this service, alternating, and print the ratios.", valueName: "host:port"))
    var vs: Instance?
    @Option(help: "Measurements of each service with --vs.")
    var rounds = 3
    @Flag(help: "Send no hello, and so use the plain wire of NestJS.")
    var plain = false
    @Option(help: "The serializer of payloads on the negotiated wire: json or messagepack.")
    var serializer = Serializer.json
    @Flag(help: "Compress payloads of 8 KiB and more on the negotiated wire.")
    var compress = false
    @Flag(help: "The pattern opens a stream. A call counts as answered when its stream has ended.")
    var streams = false
    @Option(help: "Read the message from this JSON file.")
    var payload: String?
    @Flag(help: "Measure through the typed client. It always calls get-booking and ignores the pattern.")
    var client = false
    @Flag(help: "With --client: bypass the guards around each call, such as retry, to see what they cost.")
    var bare = false
    @Flag(help: "Print a histogram of the latencies.")
    var histogram = false
    @Option(help: "Number of threads of the load generator.")
    var threads = 1
    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        for (name, value) in [
            ("connections", connections), ("in-flight", inFlight), ("threads", threads), ("rounds", rounds),
            ("requests", requests ?? 1),
        ] where value < 1 {
            throw ValidationError("--\(name) must be at least 1")
        }
        try duration.requireSomeTime("--duration")
        if let rate, !(rate > 0 && rate <= 1e8) { throw ValidationError("--rate must be above 0 and at most 1e8") }
        if ramp, vs != nil || requests != nil || client {
            throw ValidationError("--ramp cannot be combined with --vs, --requests or --client")
        }
        if client, rate != nil || streams { throw ValidationError("--client excludes --rate and --streams") }
        if target.keys.tls != nil, !client { throw ValidationError("--tls needs --client: the bare load has no TLS") }
        if bare, !client { throw ValidationError("--bare needs --client") }
        if plain, serializer != .json || compress {
            throw ValidationError("--plain supports only uncompressed JSON: remove --serializer and --compress")
        }
        if inFlight > LoadPlan.openLimit { throw ValidationError("--in-flight must be at most \(LoadPlan.openLimit)") }
    }

    func run() async throws {
        let data = try message()
        // Sends one call first. A wrong address or pattern then fails at once, not a million times.
        for address in [target.address] + (vs.map { [$0] } ?? []) { try await probe(address, data) }
        let loops = EventLoops(threads: threads)
        if ramp {
            try await runRamp(data, loops)
        } else if let vs {
            try await compare(data, loops, with: vs)
        } else {
            let result = try await measure(target.address, data, loops, rate: rate)
            var object = result.object
            object["connections"] = .int(Int64(connections))
            object["inFlight"] = rate == nil ? .int(Int64(inFlight)) : .null
            object["pattern"] = target.pattern.value
            Terminal.line(
                json ? JSONValue.object(object).jsonText : (result.lines + bars(result)).joined(separator: "\n"))
            if result.recorder.calls == 0 { throw ExitCode(Failure.unreachable) }
        }
        try await loops.shutDown()
    }

    private func bars(_ result: LoadResult) -> [String] { histogram ? [""] + result.histogram : [] }

    private func message() throws -> JSONValue {
        guard let payload else { return target.data }
        guard let bytes = FileManager.default.contents(atPath: payload) else {
            throw ValidationError("--payload: cannot read \(payload)")
        }
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw ValidationError("--payload: \(payload) is not JSON: \(error)")
        }
    }

    private func probe(_ address: Instance, _ data: JSONValue) async throws {
        let client = try target.keys.client(address)
        if streams {
            for try await _ in try await client.stream(target.pattern, data) { break }
        } else {
            _ = try await client.send(target.pattern, data)
        }
        await client.close()
    }

    private func measure(
        _ address: Instance, _ data: JSONValue, _ loops: EventLoops, rate: Double?
    ) async throws -> LoadResult {
        let begin = NIODeadline.now() + (requests == nil ? TimeAmount(duration / 10) : .zero)
        let interval = rate.map { 1e9 * Double(connections) / $0 }
        var hello = Hello(serializers: [serializer.rawValue], compressions: compress ? [Compression.name] : [])
        let key = try target.keys.shown()
        if key != nil { hello.nonce = ServiceKey.nonce() }
        let plan = LoadPlan(
            pattern: target.pattern, data: data, hello: plain ? nil : hello, key: key,
            service: target.keys.service ?? "",
            format: serializer.format, compresses: compress,
            pace: interval.map { .open(interval: $0) } ?? .closed(inFlight: inFlight), begin: begin,
            end: requests == nil ? begin + TimeAmount(duration) : .distantFuture,
            counters: LoadCounters(limit: requests))
        if client {
            return try await ClientLoad(
                target: address, connections: connections, inFlight: inFlight, loops: loops, plan: plan,
                isBare: bare, keys: target.keys
            ).run()
        }
        let shows = !json && isatty(STDERR_FILENO) == 1
        let result = try await Load(target: address, connections: connections, loops: loops, plan: plan).run { total in
            guard shows else { return }
            let seconds = Double((NIODeadline.now() - begin).nanoseconds) / 1e9
            Terminal.progress("\(total) calls, \(Int(Double(total) / max(0.1, seconds))) calls/s")
        }
        if shows { Terminal.progress("") }
        return result
    }

    // MARK: Two services

    private func compare(_ data: JSONValue, _ loops: EventLoops, with other: Instance) async throws {
        var results: [(LoadResult, LoadResult)] = []
        for round in 1...rounds {
            // Alternates which service comes first, so that changes in the machine's speed affect both alike.
            let order = round % 2 == 1 ? [target.address, other] : [other, target.address]
            var byAddress: [Instance: LoadResult] = [:]
            for address in order { byAddress[address] = try await measure(address, data, loops, rate: rate) }
            guard let first = byAddress[target.address], let second = byAddress[other] else { continue }
            results.append((first, second))
            if !json {
                Terminal.line(
                    "round \(round)  \(Self.summary(first))  |  \(Self.summary(second))  "
                        + "ratio \(Self.twoDigits(first.rate / max(1, second.rate)))")
            }
        }
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        let rates = median(results.map { $0.0.rate / max(1, $0.1.rate) })
        let halves = median(results.map { $0.0.microseconds(50) / max(0.1, $0.1.microseconds(50)) })
        if json {
            let object: JSONObject = [
                "rounds": .array(results.map { .array([.object($0.0.object), .object($0.1.object)]) }),
                "rateRatio": .double((rates * 1000).rounded() / 1000),
                "p50Ratio": .double((halves * 1000).rounded() / 1000),
            ]
            Terminal.line(JSONValue.object(object).jsonText)
        } else {
            Terminal.line("median  rate × \(Self.twoDigits(rates)), p50 × \(Self.twoDigits(halves))")
        }
    }

    private static func summary(_ result: LoadResult) -> String {
        "\(result.target.description) \(Int(result.rate)) calls/s, p50 \(result.microseconds(50)) µs"
    }

    private static func twoDigits(_ value: Double) -> String { String(format: "%.2f", value) }

    // MARK: The knee

    private func runRamp(_ data: JSONValue, _ loops: EventLoops) async throws {
        var asked = rate ?? 1000
        var steps: [(asked: Double, result: LoadResult)] = []
        var calm: Double?
        while asked < 1e8 {
            let result = try await measure(target.address, data, loops, rate: asked)
            steps.append((asked, result))
            if !json {
                Terminal.line(
                    "\(padded("\(Int(asked)) asked", 16))\(padded("\(Int(result.rate)) answered", 18))"
                        + "p50 \(result.microseconds(50)) µs, p99 \(result.microseconds(99)) µs")
            }
            let p99 = result.microseconds(99)
            calm = min(calm ?? p99, p99)
            // Past the knee: the service answers less than 95 % of the rate, or p99 exceeds both 1 ms and ten times the
            // lowest p99.
            if result.rate < asked * 0.95 || p99 > max(1000, (calm ?? p99) * 10) { break }
            asked *= 1.5
        }
        let knee = steps.dropLast().last?.result.rate ?? 0
        if json {
            let object: JSONObject = [
                "steps": .array(
                    steps.map { step in
                        var object = step.result.object
                        object["asked"] = .double(step.asked)
                        return .object(object)
                    }),
                "knee": .double(knee),
            ]
            Terminal.line(JSONValue.object(object).jsonText)
        } else {
            Terminal.line(
                knee > 0
                    ? "keeps up to \(Int(knee)) calls/s" : "does not keep up with \(Int(asked)) calls/s: lower --rate")
        }
    }
}
