import ArgumentParser
import Foundation
import Histogram
import NIOCore
import NIOPosix
import Rookery

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures how many calls a service answers, and how fast.",
        discussion: """
            A closed loop: each connection keeps --in-flight calls under way and sends the next when one is answered. \
            It works below the client, so that it costs less than the service it measures: a latency runs from the read \
            burst in which a call was sent to the one in which its answer came.
            """)

    @OptionGroup var target: Target
    @Option(help: "Connections.")
    var connections = 8
    @Option(help: "Calls under way on each connection.")
    var inFlight = 32
    @Option(help: "How long to measure, after a warm-up of a tenth of it.")
    var duration: Duration = .seconds(5)
    @Option(help: "Stop after that many calls, however long it takes.")
    var requests: Int?
    @Option(help: "Threads of the load generator.")
    var threads = 1
    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        if connections < 1 { throw ValidationError("--connections must be at least 1") }
        if inFlight < 1 { throw ValidationError("--in-flight must be at least 1") }
        if threads < 1 { throw ValidationError("--threads must be at least 1") }
        if let requests, requests < 1 { throw ValidationError("--requests must be at least 1") }
    }

    func run() async throws {
        // One call first: a wrong address or pattern is told at once, not counted a million times.
        let probe = RookeryClient(host: target.address.host, port: target.address.port)
        _ = try await probe.send(target.pattern, target.data)
        await probe.close()

        let loops = EventLoops(threads: threads)
        let load = Load(bench: self)
        let total = Recorder()
        try await withThrowingTaskGroup(of: Recorder.self) { group in
            for connection in 0..<connections {
                let loop = loops.executors[connection % threads].eventLoop
                group.addTask { try await load.run(on: loop) }
            }
            for try await recorder in group { total.add(recorder) }
        }
        Output.line(load.report(total, asJSON: json))
        try await loops.shutDown()
        if total.calls == 0 { throw ExitCode(Failure.unreachable) }
    }
}

/// What one connection saw. Confined to the connection's event loop until that has ended.
final class Recorder: @unchecked Sendable {
    var latencies = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    var calls = 0
    var errors = 0
    var lastError: String?
    var endedAt = NIODeadline.uptimeNanoseconds(0)

    func failed(_ count: Int, _ reason: String) {
        errors += count
        lastError = reason
    }

    func add(_ other: Recorder) {
        endedAt = max(endedAt, other.endedAt)
        latencies.add(other.latencies)
        calls += other.calls
        errors += other.errors
        lastError = lastError ?? other.lastError
    }
}

/// The load that all connections put on a service together.
private final class Load: Sendable {
    private let bench: Bench
    private let plan: LoadPlan

    init(bench: Bench) {
        self.bench = bench
        var writer = JSONWriter()
        Array(bench.target.pattern.value.jsonText.utf8).withUnsafeBytes { writer.beginPacket(pattern: $0) }
        writer.quotedKey("\"data\":")
        bench.target.data.write(to: &writer)
        let warmUp = bench.requests == nil ? TimeAmount(bench.duration / 10) : .zero
        let begin = NIODeadline.now() + warmUp
        plan = LoadPlan(
            packet: writer.bytes, inFlight: bench.inFlight, begin: begin,
            end: bench.requests == nil ? begin + TimeAmount(bench.duration) : .distantFuture,
            remaining: bench.requests.map { Remaining($0) })
    }

    /// One connection, until the time, or the number of calls, is over.
    func run(on loop: any EventLoop) async throws -> Recorder {
        let recorder = Recorder()
        let plan = self.plan
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(LoadConnection(plan, recorder))
                    }
                }
                .connect(host: bench.target.address.host, port: bench.target.address.port).get()
        } catch {
            throw CallError(
                .cannotConnect, "Cannot connect to \(bench.target.address.defaultValueDescription).", cause: "\(error)")
        }
        try await channel.closeFuture.get()
        return recorder
    }

    func report(_ result: Recorder, asJSON: Bool) -> String {
        let seconds = Double((result.endedAt - plan.begin).nanoseconds) / 1e9
        let rate = seconds > 0 ? (Double(result.calls) / seconds).rounded() : 0
        func microseconds(_ percentile: Double) -> Double {
            (Double(result.latencies.valueAtPercentile(percentile)) / 100).rounded() / 10
        }
        let percentiles = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)]
        if asJSON {
            var object: JSONObject = [
                "target": .string("\(bench.target.address.host):\(bench.target.address.port)"),
                "pattern": bench.target.pattern.value, "connections": .int(Int64(bench.connections)),
                "inFlight": .int(Int64(bench.inFlight)), "seconds": .double((seconds * 1000).rounded() / 1000),
                "calls": .int(Int64(result.calls)), "errors": .int(Int64(result.errors)), "rate": .double(rate),
            ]
            for (name, value) in percentiles { object["\(name)_us"] = .double(microseconds(value)) }
            return JSONValue.object(object).jsonText
        }
        var lines = [
            "\(result.calls) calls in \(String(format: "%.2f", seconds)) s, "
                + "\(bench.connections) connections × \(bench.inFlight) in flight",
            "rate    \(Int(rate)) calls/s",
        ]
        for (name, value) in percentiles {
            let padded = name + String(repeating: " ", count: 8 - name.count)
            lines.append("\(padded)\(String(format: "%.1f", microseconds(value))) µs")
        }
        lines.append("errors  \(result.errors)\(result.lastError.map { ", the last: \($0)" } ?? "")")
        return lines.joined(separator: "\n")
    }
}
