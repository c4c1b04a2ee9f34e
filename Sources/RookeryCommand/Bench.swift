import ArgumentParser
import Foundation
import Histogram
import NIOConcurrencyHelpers
import Rookery

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures how many calls a service answers, and how fast.",
        discussion: """
            A closed loop: each connection keeps --in-flight calls under way and sends the next when one is answered. \
            Latencies are what a caller sees, from before the call is encoded until after the reply is decoded.
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
        let loops = EventLoops(threads: threads)
        let load = Load(bench: self)
        // One call first: a wrong address or pattern is told at once, not counted a million times.
        let probe = RookeryClient(host: target.address.host, port: target.address.port)
        _ = try await probe.send(target.pattern, target.data)
        await probe.close()

        let result = await withTaskGroup(of: Recorder.self) { group in
            load.start()
            for connection in 0..<connections {
                let executor = loops.executors[connection % threads]
                let transport = TCPTransport(
                    TCPClientConfiguration(host: target.address.host, port: target.address.port), eventLoops: loops)
                let recorder = Recorder()
                group.addTask(executorPreference: executor) {
                    await withTaskGroup(of: Void.self) { callers in
                        for _ in 0..<inFlight {
                            callers.addTask(executorPreference: executor) {
                                await load.call(RookeryClient(transport: transport), recorder)
                            }
                        }
                    }
                    await transport.close()
                    return recorder
                }
            }
            let total = Recorder()
            for await recorder in group { total.add(recorder) }
            return total
        }
        Output.line(load.report(result, asJSON: json))
        if result.calls == 0 { throw ExitCode(Failure.unreachable) }
    }
}

/// What one connection's callers saw. Confined to the connection's event loop until its callers have ended.
private final class Recorder: @unchecked Sendable {
    var latencies = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    var calls = 0
    var errors = 0
    var lastError: String?

    func add(_ other: Recorder) {
        latencies.add(other.latencies)
        calls += other.calls
        errors += other.errors
        lastError = lastError ?? other.lastError
    }
}

/// The load that all callers put on a service together.
private final class Load: Sendable {
    private let command: Command
    private let data: JSONValue
    private let warmUp: Duration
    private let duration: Duration
    private let remaining: NIOLockedValueBox<Int>?
    private let bench: Bench
    private let startedAt = NIOLockedValueBox(ContinuousClock.now)
    private let endedAt = NIOLockedValueBox(ContinuousClock.now)

    init(bench: Bench) {
        self.bench = bench
        command = Command(bench.target.pattern.route, pattern: bench.target.pattern)
        data = bench.target.data
        duration = bench.duration
        warmUp = bench.requests == nil ? bench.duration / 10 : .zero
        remaining = bench.requests.map { NIOLockedValueBox($0) }
    }

    func start() {
        startedAt.withLockedValue { $0 = .now + warmUp }
    }

    /// One caller: calls until the time, or the number of calls, is over.
    func call(_ client: RookeryClient, _ recorder: Recorder) async {
        let begin = startedAt.withLockedValue { $0 }
        let end = remaining == nil ? begin + duration : nil
        while true {
            if let remaining {
                let isOver = remaining.withLockedValue { left in
                    left -= 1
                    return left < 0
                }
                if isOver { break }
            }
            let before = ContinuousClock.now
            if let end, before >= end { break }
            do {
                let _: JSONValue? = try await client.request(command, data, timeout: .seconds(10))
                let after = ContinuousClock.now
                if before >= begin {
                    recorder.calls += 1
                    let (seconds, attoseconds) = (after - before).components
                    let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
                    _ = recorder.latencies.record(UInt64(max(1, min(nanoseconds, 60_000_000_000))))
                }
            } catch {
                recorder.errors += 1
                recorder.lastError = "\(error)"
                // A dead service must not be asked a million times a second.
                try? await Task.sleep(for: .milliseconds(10))
            }
        }
        endedAt.withLockedValue { $0 = max($0, .now) }
    }

    func report(_ result: Recorder, asJSON: Bool) -> String {
        let elapsed = endedAt.withLockedValue { $0 } - startedAt.withLockedValue { $0 }
        let seconds = Double(elapsed.milliseconds) / 1000
        let rate = seconds > 0 ? (Double(result.calls) / seconds).rounded() : 0
        func microseconds(_ percentile: Double) -> Double {
            (Double(result.latencies.valueAtPercentile(percentile)) / 100).rounded() / 10
        }
        let percentiles = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)]
        if asJSON {
            var object: JSONObject = [
                "target": .string("\(bench.target.address.host):\(bench.target.address.port)"),
                "pattern": bench.target.pattern.value, "connections": .int(Int64(bench.connections)),
                "inFlight": .int(Int64(bench.inFlight)), "seconds": .double(seconds),
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
