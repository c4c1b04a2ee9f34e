import Foundation
import Histogram
import NIOCore
import NIOPosix
import PetProTesting
import Rookery
import Synchronization

/// The result of a load of browsers that watch one product while its stock changes.
struct FanOut {
    let watchers: Int
    /// How many change events reached watchers, over all watchers.
    let deliveries: Int
    let changes: Int
    let seconds: Double
    /// The time from the request that changes the stock to the event at a watcher, in nanoseconds.
    let latencies: Histogram<UInt64>

    var rate: Double { Double(deliveries) / seconds }

    /// Opens the watchers' streams, and changes the stock for `seconds`, one change after the other.
    static func run(_ platform: PlatformProcess, _ flows: Flows, watchers: Int, seconds: Double) async throws -> FanOut
    {
        let seen = Mutex(Seen())
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let request = RequestBytes.get("/api/products/\(flows.product.id)/inventory/stream")
        var channels: [any Channel] = []
        for number in 0..<watchers {
            channels.append(
                try await ClientBootstrap(group: group)
                    // 16 watchers per address, because the gateway limits the streams of one address.
                    .bind(to: try SocketAddress(ipAddress: "127.0.2.\(1 + number / 16)", port: 0))
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                Watcher(request) { version in seen.withLock { $0.came(version) } })
                        }
                    }
                    .connect(host: "127.0.0.1", port: platform.port).get())
        }
        let began = ContinuousClock.now
        var changes = 0
        while began.duration(to: .now) < .seconds(seconds) {
            // The product's creation made version 1, so the first change makes version 2.
            seen.withLock { $0.sent[changes + 2] = .now() }
            _ = try await platform.http.make(
                "/api/products/\(flows.product.id)/inventory",
                ["delta": .int(changes.isMultiple(of: 2) ? 1 : -1), "reason": "adjustment"],
                token: flows.product.token)
            changes += 1
        }
        let took = began.duration(to: .now) / .seconds(1)
        // Waits for the last events.
        try await Task.sleep(for: .seconds(1))
        // Ignores the failure to close a channel that the platform has already closed.
        for channel in channels { try? await channel.close() }
        try await group.shutdownGracefully()
        return seen.withLock { seen in
            FanOut(
                watchers: watchers, deliveries: seen.count, changes: changes, seconds: took, latencies: seen.latencies)
        }
    }

    private struct Seen {
        /// When each change was sent, by the version of the stock that it makes.
        var sent: [Int: NIODeadline] = [:]
        var count = 0
        var latencies = Histogram<UInt64>(
            highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

        mutating func came(_ version: Int) {
            guard let at = sent[version] else { return }
            count += 1
            _ = latencies.record(UInt64(max(1, (NIODeadline.now() - at).nanoseconds)))
        }
    }

    /// Reads the versions of the changes from a stream of server-sent events.
    private final class Watcher: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let request: ByteBuffer
        private let came: @Sendable (Int) -> Void
        private var rest = ""

        init(_ request: ByteBuffer, _ came: @escaping @Sendable (Int) -> Void) {
            self.request = request
            self.came = came
        }

        func channelActive(context: ChannelHandlerContext) { context.writeAndFlush(NIOAny(request), promise: nil) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            rest += String(buffer: unwrapInboundIn(data))
            while let end = rest.range(of: "\n\n") {
                let event = rest[..<end.lowerBound]
                if event.contains("event: change"), let at = event.range(of: "\"version\":") {
                    if let version = Int(event[at.upperBound...].prefix(while: \.isNumber)) { came(version) }
                }
                rest = String(rest[end.upperBound...])
            }
        }
    }
}
