import Foundation
import Histogram
import NIOCore
import NIOPosix
import PetProTesting
import Rookery
import Synchronization

/// Browsers that watch one product while its stock changes.
struct FanOut {
    let watchers: Int
    /// Changes of the stock that reached watchers.
    let deliveries: Int
    let changes: Int
    let seconds: Double
    /// From the request that changed the stock to a watcher.
    let latencies: Histogram<UInt64>

    var rate: Double { Double(deliveries) / seconds }

    /// Watches, and changes the stock one after another for so long.
    static func run(_ platform: PlatformProcess, _ flows: Flows, watchers: Int, seconds: Double) async throws -> FanOut
    {
        let seen = Mutex(Seen())
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let request = RequestBytes.get("/api/products/\(flows.product.id)/inventory/stream")
        var channels: [any Channel] = []
        for number in 0..<watchers {
            channels.append(
                try await ClientBootstrap(group: group)
                    // One address may watch only so much.
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
            // The first version is that of the product's entry.
            seen.withLock { $0.sent[changes + 2] = .now() }
            _ = try await platform.http.make(
                "/api/products/\(flows.product.id)/inventory",
                ["delta": .int(changes.isMultiple(of: 2) ? 1 : -1), "reason": "adjustment"],
                token: flows.product.token)
            changes += 1
        }
        let took = began.duration(to: .now) / .seconds(1)
        // What was sent last is on its way.
        try await Task.sleep(for: .seconds(1))
        // One that the platform has closed is closed.
        for channel in channels { try? await channel.close() }
        try await group.shutdownGracefully()
        return seen.withLock { seen in
            FanOut(
                watchers: watchers, deliveries: seen.count, changes: changes, seconds: took, latencies: seen.latencies)
        }
    }

    private struct Seen {
        /// By the versions that the stock will have.
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

    /// Reads the versions of the changes out of a stream of events.
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
