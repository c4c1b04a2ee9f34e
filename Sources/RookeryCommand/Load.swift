import Foundation
import Histogram
import NIOCore
import NIOPosix
import Rookery

/// What one connection saw. Confined to the connection's event loop until that has ended.
final class Recorder: @unchecked Sendable {
    var latencies = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    var calls = 0
    var values = 0
    var errors = 0
    var lastError: String?
    var isBinary = false
    var endedAt = NIODeadline.uptimeNanoseconds(0)

    func record(nanoseconds: Int64) {
        calls += 1
        _ = latencies.record(UInt64(min(60_000_000_000, max(1, nanoseconds))))
    }

    func failed(_ count: Int, _ reason: String) {
        errors += count
        lastError = reason
    }

    func add(_ other: Recorder) {
        endedAt = max(endedAt, other.endedAt)
        latencies.add(other.latencies)
        calls += other.calls
        values += other.values
        errors += other.errors
        isBinary = isBinary || other.isBinary
        lastError = lastError ?? other.lastError
    }
}

/// One measurement of one service.
struct LoadResult {
    let target: Instance
    let seconds: Double
    let recorder: Recorder

    var rate: Double { seconds > 0 ? (Double(recorder.calls) / seconds).rounded() : 0 }

    func microseconds(_ percentile: Double) -> Double {
        (Double(recorder.latencies.valueAtPercentile(percentile)) / 100).rounded() / 10
    }

    static let percentiles = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)]

    /// For machines.
    var object: JSONObject {
        var object: JSONObject = [
            "target": .string(target.description),
            "wire": .string(recorder.isBinary ? "negotiated" : "plain"),
            "seconds": .double((seconds * 1000).rounded() / 1000), "calls": .int(Int64(recorder.calls)),
            "values": .int(Int64(recorder.values)), "errors": .int(Int64(recorder.errors)), "rate": .double(rate),
        ]
        for (name, value) in Self.percentiles { object["\(name)_us"] = .double(microseconds(value)) }
        if let error = recorder.lastError { object["lastError"] = .string(error) }
        return object
    }

    /// For people.
    var lines: [String] {
        var lines = [
            "\(recorder.calls) calls in \(String(format: "%.2f", seconds)) s, \(recorder.isBinary ? "negotiated" : "plain") wire",
            "rate    \(Int(rate)) calls/s",
        ]
        if recorder.values > recorder.calls { lines.append("values  \(Int(Double(recorder.values) / seconds)) /s") }
        for (name, value) in Self.percentiles {
            lines.append("\(padded(name, 8))\(String(format: "%.1f", microseconds(value))) µs")
        }
        lines.append("errors  \(recorder.errors)\(recorder.lastError.map { ", the last: \($0)" } ?? "")")
        return lines
    }

    /// The latencies as bars, each bucket reaching to twice the one before.
    var histogram: [String] {
        var buckets: [Int: UInt64] = [:]
        for value in recorder.latencies.recordedValues() {
            let bucket = 64 - max(1, value.value / 1000).leadingZeroBitCount
            buckets[bucket, default: 0] += UInt64(value.count)
        }
        guard let first = buckets.keys.min(), let last = buckets.keys.max(), let most = buckets.values.max() else {
            return []
        }
        return (first...last).map { bucket in
            let count = buckets[bucket] ?? 0
            let bar = String(repeating: "█", count: Int((Double(count) / Double(most) * 50).rounded(.up)))
            return "\(padded("< \(1 << bucket) µs", 14))\(padded(String(count), 10))\(bar)"
        }
    }
}

/// Text with spaces behind it up to a width.
func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// The load that all connections put on a service together.
struct Load: Sendable {
    let target: Instance
    let connections: Int
    let loops: EventLoops
    let plan: LoadPlan

    /// Runs to its end; `progress` is called with the calls answered so far, every second.
    func run(progress: @escaping @Sendable (Int) -> Void) async throws -> LoadResult {
        let total = Recorder()
        try await withThrowingTaskGroup(of: Recorder?.self) { group in
            for connection in 0..<connections {
                let loop = loops.executors[connection % loops.executors.count].eventLoop
                group.addTask { try await run(on: loop) }
            }
            group.addTask {
                while !Task.isCancelled {
                    // Cancelled when the last connection has ended.
                    try? await Task.sleep(for: .seconds(1))
                    if !Task.isCancelled { progress(plan.counters.total) }
                }
                return nil
            }
            for _ in 0..<connections {
                guard let recorder = try await group.next() else { break }
                if let recorder { total.add(recorder) }
            }
            group.cancelAll()
        }
        return LoadResult(
            target: target, seconds: Double((total.endedAt - plan.begin).nanoseconds) / 1e9, recorder: total)
    }

    private func run(on loop: any EventLoop) async throws -> Recorder {
        let recorder = Recorder()
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(LoadConnection(plan, recorder))
                    }
                }
                .connect(host: target.host, port: target.port).get()
        } catch {
            throw CallError(
                .cannotConnect, "Cannot connect to \(target.description).", cause: "\(error)")
        }
        try await channel.closeFuture.get()
        return recorder
    }
}

/// The same load through the typed client, as a service would put it on another: what is measured then is the client as
/// much as the server.
struct ClientLoad: Sendable {
    let target: Instance
    let connections: Int
    let inFlight: Int
    let loops: EventLoops
    let plan: LoadPlan
    /// Without the guards of a destination.
    let isBare: Bool

    func run() async throws -> LoadResult {
        let total = Recorder()
        try await withThrowingTaskGroup(of: Recorder.self) { group in
            for connection in 0..<connections {
                let executor = loops.executors[connection % loops.executors.count]
                group.addTask(executorPreference: executor) { try await run(on: executor) }
            }
            for try await recorder in group { total.add(recorder) }
        }
        return LoadResult(
            target: target, seconds: Double((total.endedAt - plan.begin).nanoseconds) / 1e9, recorder: total)
    }

    private func run(on executor: LoopExecutor) async throws -> Recorder {
        // One connection, however many calls there are.
        var configuration = ClientConfiguration("bench", instances: .list([target]))
        configuration.concurrency.maximumCalls = inFlight
        configuration.pool.maximumConnections = 1
        configuration.pool.growAt = inFlight + 1
        configuration.pool.maximumWaiting = inFlight
        configuration.negotiates = plan.hello != nil
        configuration.compresses = plan.compresses
        configuration.serializers = SerializerChoice(preferred: plan.format.name)
        let client =
            isBare
            ? RookeryClient(transport: TCPTransport(target, configuration, eventLoops: loops))
            : RookeryClient(try Destination(tcp: configuration, eventLoops: loops))
        let bookings = ConformanceAPIClient(client)
        let recorder = Recorder()
        recorder.isBinary = plan.hello != nil
        let request = GetConformanceBooking(id: plan.data["id"]?.intValue ?? 1)
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<inFlight {
                // On the recorder's loop, like every other of these tasks.
                group.addTask(executorPreference: executor) {
                    var now = NIODeadline.now()
                    while now < plan.end, plan.counters.take() {
                        let reply = try await bookings.getBooking(request)
                        let then = NIODeadline.now()
                        if reply.id != request.id { recorder.failed(1, "the reply is another booking's") }
                        if now >= plan.begin { recorder.record(nanoseconds: (then - now).nanoseconds) }
                        recorder.endedAt = then
                        now = then
                    }
                }
            }
        }
        await client.close()
        return recorder
    }
}
