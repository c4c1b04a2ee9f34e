import Logging
import PetProContracts
import Rookery
import ServiceLifecycle
import Synchronization

/// What one browser is shown; one upstream watch serves all that watch the same.
actor InventoryHub: Service {
    /// What is watched.
    enum Topic: Hashable, Sendable {
        case product(Int)
        case vendor(Int)

        var request: WatchInventoryChanges {
            switch self {
            case .product(let id): WatchInventoryChanges(productIds: [id])
            case .vendor(let id): WatchInventoryChanges(vendorId: id)
            }
        }
    }

    /// A chunk and the cursor behind it.
    struct Item: Sendable {
        let chunk: InventoryChunk
        let cursor: String?
    }

    typealias Subscription = AsyncThrowingStream<Item, any Error>

    /// Chunks kept for a browser that does not keep up; then it is told so, and let go.
    private static let bufferLimit = 256

    private struct Upstream {
        var subscribers: [Int: Subscription.Continuation] = [:]
        /// The newest state of each product, for those who come later.
        var current: [Int: InventoryChunk] = [:]
        var cursor: String?
        /// Whether the snapshot is complete.
        var isReady = false
        var pump: CheckedContinuation<Void, Never>?
    }

    private let products: any ProductAPI
    private let logger: Logger
    private var upstreams: [Topic: Upstream] = [:]
    private var nextID = 0
    private var isStopping = false
    private let requests: AsyncStream<Request>
    private nonisolated let request: AsyncStream<Request>.Continuation

    private enum Request: Sendable {
        case open(Topic)
        case leave(Int, Topic)
        case stop
    }

    init(products: any ProductAPI, logger: Logger) {
        self.products = products
        self.logger = logger
        (requests, request) = AsyncStream.makeStream(of: Request.self)
    }

    /// Watches what is asked for, until ``stop()``, graceful shutdown or cancellation; then all subscriptions end.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await request in self.requests {
                    switch request {
                    case .open(let topic): group.addTask { await self.watch(topic) }
                    case .leave(let id, let topic): await self.unsubscribe(id, from: topic)
                    case .stop:
                        await self.finishAll()
                        group.cancelAll()
                    }
                }
            }
        }
        finishAll()
    }

    /// Ends all subscriptions: an HTTP server does not stop while it is still sending them.
    nonisolated func stop() {
        request.yield(.stop)
    }

    private static let shuttingDown = RemoteError(.shuttingDown, "The gateway is shutting down.")

    private func finishAll() {
        isStopping = true
        for topic in upstreams.keys { finish(topic, Self.shuttingDown) }
    }

    /// Subscribes. Ending the iteration unsubscribes; the last one to leave ends the upstream watch.
    func subscribe(to topic: Topic) -> Subscription {
        nextID += 1
        let id = nextID
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: Item.self, throwing: (any Error).self, bufferingPolicy: .bufferingOldest(Self.bufferLimit))
        if isStopping {
            continuation.finish(throwing: Self.shuttingDown)
            return stream
        }
        let isFirst = upstreams[topic] == nil
        var upstream = upstreams[topic] ?? Upstream()
        upstream.subscribers[id] = continuation
        upstreams[topic] = upstream
        continuation.onTermination = { [request] _ in request.yield(.leave(id, topic)) }
        if upstream.isReady {
            for (_, chunk) in upstream.current.sorted(by: { $0.key < $1.key }) {
                continuation.yield(Item(chunk: chunk, cursor: nil))
            }
            let cursor = upstream.cursor ?? ""
            continuation.yield(Item(chunk: .snapshotEnd(cursor: cursor), cursor: cursor))
        } else {
            // It sees the snapshot as it comes; what came before it did, it is given now.
            for (_, chunk) in upstream.current.sorted(by: { $0.key < $1.key }) {
                continuation.yield(Item(chunk: chunk, cursor: nil))
            }
        }
        if isFirst { request.yield(.open(topic)) }
        return stream
    }

    /// How many upstream watches there are.
    var upstreamCount: Int { upstreams.count }

    private func unsubscribe(_ id: Int, from topic: Topic) {
        upstreams[topic]?.subscribers[id] = nil
    }

    private func watch(_ topic: Topic) async {
        do {
            let chunks = try await products.watchInventoryChanges(topic.request)
            // The heartbeat comes every 2 s: an upstream that nobody listens to any more ends by then.
            for try await chunk in chunks {
                guard deliver(chunk, topic) else { return }
            }
            finish(topic, CallError(.connectionLost, "The inventory stream ended.", wasWritten: true))
        } catch {
            finish(topic, error)
        }
    }

    /// Hands a chunk to all subscribers; false when there are none left.
    private func deliver(_ chunk: InventoryChunk, _ topic: Topic) -> Bool {
        guard var upstream = upstreams[topic] else { return false }
        if upstream.subscribers.isEmpty {
            upstreams[topic] = nil
            return false
        }
        switch chunk {
        case .snapshot(let productId, _, _, _, _, _): upstream.current[productId] = chunk
        case .snapshotEnd(let cursor):
            upstream.isReady = true
            upstream.cursor = cursor
        case .change(let seq, let productId, let version, _, _, let after, _):
            upstream.current[productId] = .snapshot(
                productId: productId, quantity: after.quantity, reserved: after.reserved, available: after.available,
                status: after.status, version: version)
            let epoch = upstream.cursor?.prefix { $0 != ":" } ?? ""
            upstream.cursor = "\(epoch):\(seq)"
        case .heartbeat(let cursor, _): upstream.cursor = cursor
        case .reset:
            upstream.current = [:]
            upstream.isReady = false
        }
        var cursor: String?
        if case .snapshot = chunk {} else { cursor = upstream.cursor }
        for (id, subscriber) in upstream.subscribers {
            if case .dropped = subscriber.yield(Item(chunk: chunk, cursor: cursor)) {
                upstream.subscribers[id] = nil
                subscriber.finish(throwing: RemoteError("SLOW_CONSUMER", "The stream was not read fast enough."))
            }
        }
        upstreams[topic] = upstream
        return true
    }

    private func finish(_ topic: Topic, _ error: any Error) {
        guard let upstream = upstreams.removeValue(forKey: topic) else { return }
        logger.info("an inventory watch ended", metadata: ["topic": "\(topic)", "error": "\(error)"])
        for subscriber in upstream.subscribers.values { subscriber.finish(throwing: error) }
    }
}
