import DequeModule
import HTTPTypes
import Logging
import NIOCore
import PetProContracts
import Rookery
import ServiceLifecycle

/// Streams inventory to browsers. All browsers of one topic share one upstream watch.
///
/// ``HTTPLimits`` bounds the browsers, per address and in all, and the upstream watches. The hub ends the stream of a
/// browser that does not keep up. So calls to Product and memory stay bounded, whatever browsers do.
actor InventoryHub: Service {
    /// What one watch covers: a product, or all products of a vendor.
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

    /// One browser's subscription. Each item is encoded events. The first is the whole snapshot, or what the browser missed since
    /// its cursor; changes follow, and a comment when there was nothing for ``silence``.
    struct Subscription: Sendable {
        let items: AsyncThrowingStream<ByteBuffer, any Error>
        fileprivate let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation

        /// Ends the subscription, and with it the iteration of ``items``.
        func end() { continuation.finish() }
    }

    /// Items buffered for one browser. When the buffer is full, the hub ends the subscription with `SLOW_CONSUMER`.
    private static let bufferLimit = 256

    /// The most changes of a topic that are kept for browsers that come back.
    private static let keptChanges = 256

    /// How long a stream may be silent, about: 15 s. Then it gets a comment, so that proxies do not close it.
    private static let silence = 15

    private final class Subscriber {
        let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation
        let peer: String
        /// The text of the last cursor that the browser came with. Nil for one that has none, and once its stream has begun.
        var after: String?
        /// Whether the subscriber has the snapshot, or what it missed.
        var isCurrent = false
        /// The beat of the topic at which the subscriber got its last item.
        var beat = 0

        init(_ continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation, peer: String, after: String?) {
            self.continuation = continuation
            self.peer = peer
            self.after = after
        }

        /// Sends an item. A subscriber whose buffer is full is let go.
        func send(_ text: ByteBuffer, at beat: Int) {
            self.beat = beat
            guard case .dropped = continuation.yield(text) else { return }
            continuation.finish(throwing: RemoteError(.slowConsumer, "The stream was not read fast enough."))
        }
    }

    private final class Upstream {
        /// Distinguishes this watch from earlier ones of the same topic.
        let generation: Int
        /// Finishing it ends the watch.
        let stop: AsyncStream<Void>.Continuation
        var subscribers: [Int: Subscriber] = [:]
        /// The newest state of each product.
        var current: [Int: InventoryChunk] = [:]
        /// Heartbeats of the watch so far, about one a second while nothing changes.
        var beat = 0
        /// The position of the last chunk. Nil before the end of the snapshot.
        var cursor: InventoryCursor?
        /// The encoded changes since ``kept``, with their positions.
        var recent: Deque<(seq: Int, text: ByteBuffer)> = []
        /// The position after which every change of the topic is in ``recent``.
        var kept = 0
        /// Whether the snapshot is complete.
        var isReady = false
        /// The encoded snapshot, until the next chunk arrives.
        var snapshot: ByteBuffer?

        init(generation: Int, stop: AsyncStream<Void>.Continuation) {
            self.generation = generation
            self.stop = stop
        }

        /// What a browser with a cursor lacks. Nil when it must begin anew.
        func missed(after text: String) -> ByteBuffer? {
            guard let cursor, let after = InventoryCursor(text), after.epoch == cursor.epoch,
                (kept...max(kept, cursor.seq)).contains(after.seq)
            else { return nil }
            return recent.reduce(into: ByteBuffer()) { missed, change in
                if change.seq > after.seq { missed.writeImmutableBuffer(change.text) }
            }
        }
    }

    private let products: any ProductAPI
    private let limits: HTTPLimits
    private let logger: Logger
    private var upstreams: [Topic: Upstream] = [:]
    private var peers: [String: Int] = [:]
    private var nextID = 0
    private var isStopping = false
    private let requests: AsyncStream<Request>
    private nonisolated let request: AsyncStream<Request>.Continuation

    private enum Request: Sendable {
        case open(Topic, generation: Int, stop: AsyncStream<Void>)
        case leave(Int, Topic)
        case stop
    }

    init(products: any ProductAPI, limits: HTTPLimits, logger: Logger) {
        self.products = products
        self.limits = limits
        self.logger = logger
        (requests, request) = AsyncStream.makeStream(of: Request.self)
    }

    /// The number of upstream watches.
    var upstreamCount: Int { upstreams.count }
    /// The number of subscribed browsers.
    private(set) var streamCount = 0

    // MARK: Life

    /// Runs the upstream watches until ``stop()``, graceful shutdown or cancellation. Then it ends all subscriptions.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await request in self.requests {
                    switch request {
                    case .open(let topic, let generation, let stop):
                        group.addTask { await self.watch(topic, generation, until: stop) }
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

    /// Ends all subscriptions, because the HTTP server does not stop while it sends streams.
    nonisolated func stop() {
        request.yield(.stop)
    }

    private static let shuttingDown = Problem(
        .serviceUnavailable, "SHUTTING_DOWN", "The gateway is shutting down.", retryAfterSeconds: 1)

    private func finishAll() {
        isStopping = true
        for (topic, upstream) in upstreams { finish(topic, upstream.generation, Self.shuttingDown) }
    }

    // MARK: Browsers

    /// Subscribes a browser at the address `peer`. Ending the iteration unsubscribes it. Throws a 429 when a stream
    /// limit is reached, and a 503 when the hub is stopping.
    ///
    /// A browser that gives its last cursor gets what it missed. If that is no longer here, its stream begins with `reset`.
    func subscribe(to topic: Topic, from peer: String, after: String? = nil) throws -> Subscription {
        if isStopping { throw Self.shuttingDown }
        guard peers[peer, default: 0] < limits.streamsPerPeer else {
            throw Problem.tooManyStreams("streams from this address")
        }
        guard streamCount < limits.streams else { throw Problem.tooManyStreams("streams") }
        if upstreams[topic] == nil {
            if upstreams.count >= limits.streamTopics, !makeRoom(for: peer) { throw Problem.tooManyStreams("watches") }
            open(topic)
        }
        nextID += 1
        let id = nextID
        let (items, continuation) = AsyncThrowingStream.makeStream(
            of: ByteBuffer.self, throwing: (any Error).self, bufferingPolicy: .bufferingOldest(Self.bufferLimit))
        continuation.onTermination = { [request] _ in request.yield(.leave(id, topic)) }
        peers[peer, default: 0] += 1
        streamCount += 1
        let subscriber = Subscriber(continuation, peer: peer, after: after)
        if let upstream = upstreams[topic] {
            upstream.subscribers[id] = subscriber
            if upstream.isReady { Self.begin(subscriber, of: upstream) }
        }
        return Subscription(items: items, continuation: continuation)
    }

    /// Ends one upstream watch in favor of `peer`, so that no address can take all watches.
    ///
    /// It finds the address that is alone on the most watches, and ends the newest of these. It ends none and returns
    /// false when that address has at most one such watch more than `peer`.
    private func makeRoom(for peer: String) -> Bool {
        var own: [String: [(topic: Topic, generation: Int)]] = [:]
        for (topic, upstream) in upstreams {
            let peers = Set(upstream.subscribers.values.map(\.peer))
            guard let only = peers.first, peers.count == 1 else { continue }
            own[only, default: []].append((topic, upstream.generation))
        }
        guard let most = own.max(by: { $0.value.count < $1.value.count }),
            most.value.count > (own[peer]?.count ?? 0) + 1,
            let newest = most.value.max(by: { $0.generation < $1.generation })
        else { return false }
        finish(newest.topic, newest.generation, Problem.tooManyStreams("watches"))
        return true
    }

    private func open(_ topic: Topic) {
        nextID += 1
        let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
        upstreams[topic] = Upstream(generation: nextID, stop: continuation)
        request.yield(.open(topic, generation: nextID, stop: stop))
    }

    private func unsubscribe(_ id: Int, from topic: Topic) {
        guard let subscriber = upstreams[topic]?.subscribers.removeValue(forKey: id) else { return }
        forget(subscriber)
        if let upstream = upstreams[topic], upstream.subscribers.isEmpty {
            upstreams[topic] = nil
            upstream.stop.finish()
        }
    }

    private func forget(_ subscriber: Subscriber) {
        streamCount -= 1
        let left = peers[subscriber.peer, default: 1] - 1
        peers[subscriber.peer] = left > 0 ? left : nil
    }

    /// Sends a subscriber the snapshot, or what it missed.
    private static func begin(_ subscriber: Subscriber, of upstream: Upstream) {
        guard let cursor = upstream.cursor else { return }
        subscriber.isCurrent = true
        let after = subscriber.after
        subscriber.after = nil
        if let missed = after.flatMap({ upstream.missed(after: $0) }) {
            return subscriber.send(missed, at: upstream.beat)
        }
        let snapshot = upstream.snapshot ?? Self.snapshot(upstream.current, cursor.description)
        upstream.snapshot = snapshot
        if after == nil { return subscriber.send(snapshot, at: upstream.beat) }
        var anew = ByteBuffer()
        EventStream.write(.reset(why: "the changes after the cursor are not here"), cursor: nil, to: &anew)
        anew.writeImmutableBuffer(snapshot)
        subscriber.send(anew, at: upstream.beat)
    }

    private static func snapshot(_ current: [Int: InventoryChunk], _ cursor: String) -> ByteBuffer {
        var text = ByteBuffer()
        for (_, chunk) in current.sorted(by: { $0.key < $1.key }) {
            EventStream.write(chunk, cursor: nil, to: &text)
        }
        EventStream.write(.snapshotEnd(cursor: cursor), cursor: cursor, to: &text)
        return text
    }

    // MARK: Upstream

    /// Runs one upstream watch until it fails or `stop` finishes.
    private func watch(_ topic: Topic, _ generation: Int, until stop: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in stop {} }
            group.addTask { await self.follow(topic, generation) }
            await group.next()
            group.cancelAll()
        }
    }

    private func follow(_ topic: Topic, _ generation: Int) async {
        do {
            for try await chunk in try await products.watchInventoryChanges(topic.request) {
                guard upstreams[topic]?.generation == generation else { return }
                deliver(chunk, topic)
            }
            finish(topic, generation, CallError(.connectionLost, "The inventory stream ended.", wasWritten: true))
        } catch {
            finish(topic, generation, error)
        }
    }

    /// Stores a chunk and sends it to the subscribers that have the snapshot.
    private func deliver(_ chunk: InventoryChunk, _ topic: Topic) {
        guard let upstream = upstreams[topic] else { return }
        upstream.snapshot = nil
        switch chunk {
        case .snapshot(let productId, _, _, _, _, _): upstream.current[productId] = chunk
        case .snapshotEnd(let cursor):
            upstream.isReady = true
            upstream.cursor = InventoryCursor(cursor)
            upstream.kept = upstream.cursor?.seq ?? 0
            for subscriber in upstream.subscribers.values where !subscriber.isCurrent {
                Self.begin(subscriber, of: upstream)
            }
        case .change(let seq, let productId, let version, _, _, let after, _, _):
            upstream.current[productId] = .snapshot(
                productId: productId, quantity: after.quantity, reserved: after.reserved, available: after.available,
                status: after.status, version: version)
            upstream.cursor = upstream.cursor.map { InventoryCursor(epoch: $0.epoch, seq: seq) }
            let text = Self.send(chunk, upstream)
            upstream.recent.append((seq, text))
            if upstream.recent.count > Self.keptChanges { upstream.kept = upstream.recent.removeFirst().seq }
        case .heartbeat(let cursor, _):
            upstream.cursor = InventoryCursor(cursor) ?? upstream.cursor
            Self.keepAlive(upstream)
        case .reset:
            upstream.current = [:]
            upstream.recent = []
            upstream.isReady = false
            Self.send(chunk, upstream)
            // A new snapshot follows, for all subscribers.
            for subscriber in upstream.subscribers.values { subscriber.isCurrent = false }
        }
    }

    /// Sends a chunk to the subscribers that have the snapshot. Returns its text.
    @discardableResult
    private static func send(_ chunk: InventoryChunk, _ upstream: Upstream) -> ByteBuffer {
        var text = ByteBuffer()
        EventStream.write(chunk, cursor: upstream.cursor?.description, to: &text)
        for subscriber in upstream.subscribers.values where subscriber.isCurrent {
            subscriber.send(text, at: upstream.beat)
        }
        return text
    }

    /// Sends a comment to browsers that got nothing for ``silence``: a few at each beat, so that many do not wake at once.
    private static func keepAlive(_ upstream: Upstream) {
        upstream.beat += 1
        // The id moves the browser's last event id, and dispatches no event.
        let comment = ByteBuffer(string: ": keep-alive\nid: \(upstream.cursor?.description ?? "")\n\n")
        let silent = upstream.subscribers.values.lazy.filter { $0.isCurrent && upstream.beat - $0.beat >= silence }
        for subscriber in silent.prefix(max(100, upstream.subscribers.count / 8)) {
            subscriber.send(comment, at: upstream.beat)
        }
    }

    private func finish(_ topic: Topic, _ generation: Int, _ error: any Error) {
        guard let upstream = upstreams[topic], upstream.generation == generation else { return }
        upstreams[topic] = nil
        upstream.stop.finish()
        logger.info("an inventory watch ended", metadata: ["topic": "\(topic)", "error": "\(error)"])
        for subscriber in upstream.subscribers.values {
            forget(subscriber)
            subscriber.continuation.finish(throwing: error)
        }
    }
}
