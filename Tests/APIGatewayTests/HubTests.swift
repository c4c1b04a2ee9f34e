import HTTPTypes
import Logging
import NIOCore
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import APIGateway

/// Product as the hub sees it: a test opens, feeds and ends each watch.
private final class FakeProduct: Sendable {
    /// A watch that the hub has opened.
    struct Watch: Sendable {
        let request: WatchInventoryChanges
        let feed: AsyncThrowingStream<InventoryChunk, any Error>.Continuation

        /// A whole snapshot of so many products.
        func snapshot(_ products: Int, quantity: Int = 5) {
            for id in 1...products {
                feed.yield(
                    .snapshot(
                        productId: id, quantity: quantity, reserved: 0, available: quantity, status: .inStock,
                        version: 1))
            }
            feed.yield(.snapshotEnd(cursor: "e:1"))
        }

        func change(_ seq: Int) {
            let level = StockLevel(quantity: seq, reserved: 0, available: seq, status: .inStock)
            feed.yield(
                .change(
                    seq: seq, productId: 1, version: seq, reason: .restock, before: level, after: level,
                    at: Instant(milliseconds: 0), cursor: "e:\(seq)"))
        }
    }

    private let opened: AsyncStream<Watch>
    private let open: AsyncStream<Watch>.Continuation
    private let ended: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    init() {
        (opened, open) = AsyncStream.makeStream(of: Watch.self)
        (ended, end) = AsyncStream.makeStream(of: Void.self)
    }

    /// The next watch that is opened; waits for it.
    func watch() async throws -> Watch {
        var iterator = opened.makeAsyncIterator()
        return try #require(await iterator.next())
    }

    /// Returns when a watch has ended.
    func watchEnded() async {
        var iterator = ended.makeAsyncIterator()
        await iterator.next()
    }

    func client() throws -> ProductAPIClient {
        let route = Route.stream(ProductAPIContract.watchInventoryChanges) {
            [open, end] (request: WatchInventoryChanges) in
            let (chunks, feed) = AsyncThrowingStream.makeStream(of: InventoryChunk.self, throwing: (any Error).self)
            feed.onTermination = { _ in end.yield() }
            open.yield(Watch(request: request, feed: feed))
            return MessageStream(chunks)
        }
        return ProductAPIClient(try InMemoryTransport([route]).client())
    }
}

/// One who reads what the hub sends.
private actor Browser {
    private var items: AsyncThrowingStream<ByteBuffer, any Error>.Iterator

    init(_ subscription: InventoryHub.Subscription) { items = subscription.items.makeAsyncIterator() }

    /// The next item; waits for it.
    func next() async throws -> String {
        var items = self.items
        let item = try await items.next(isolation: #isolation)
        self.items = items
        return String(buffer: try #require(item))
    }
}

@Suite("The inventory hub", .timeLimit(.minutes(1)))
struct HubTests {
    private static func running<Result: Sendable>(
        _ limits: HTTPLimits = HTTPLimits(), _ body: (InventoryHub, FakeProduct) async throws -> Result
    ) async throws -> Result {
        let product = FakeProduct()
        let hub = InventoryHub(products: try product.client(), limits: limits, logger: .quiet)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            let result = try await body(hub, product)
            group.cancelAll()
            return result
        }
    }

    private static func refusal(_ hub: InventoryHub, _ topic: InventoryHub.Topic, _ peer: String) async -> Int? {
        do {
            _ = try await hub.subscribe(to: topic, from: peer)
            return nil
        } catch {
            return (error as? Problem)?.status.code
        }
    }

    @Test("shows each browser the whole snapshot, however many products it has, over one watch of Product's")
    func snapshot() async throws {
        try await Self.running { hub, product in
            let first = Browser(try await hub.subscribe(to: .vendor(3), from: "a"))
            let watch = try await product.watch()
            #expect(watch.request.vendorId == 3 && watch.request.productIds == nil)
            watch.snapshot(1000)
            let shown = try await first.next()
            #expect(shown.split(separator: "event: snapshot\n").count == 1000)
            #expect(
                shown.hasSuffix(
                    "event: snapshot-end\nid: e:1\ndata: \(InventoryChunk.snapshotEnd(cursor: "e:1").json)\n\n"))
            watch.change(2)
            #expect(try await first.next().hasPrefix("event: change\nid: e:2\n"))
            // One who comes later is shown what holds by then.
            let second = Browser(try await hub.subscribe(to: .vendor(3), from: "b"))
            let later = try await second.next()
            #expect(later.split(separator: "event: snapshot\n").count == 1000)
            #expect(later.contains(#""quantity":2,"#) && later.contains("id: e:2\n"))
            #expect(await hub.upstreamCount == 1)
            watch.change(3)
            #expect(try await first.next() == second.next())
        }
    }

    @Test("lets a browser go that does not keep up, tells it so, and shows the others everything")
    func slow() async throws {
        try await Self.running { hub, product in
            let slow = Browser(try await hub.subscribe(to: .product(1), from: "a"))
            let quick = Browser(try await hub.subscribe(to: .product(1), from: "b"))
            let watch = try await product.watch()
            watch.snapshot(1)
            _ = try await quick.next()
            for seq in 2...400 {
                watch.change(seq)
                #expect(try await quick.next().contains("id: e:\(seq)\n"))
            }
            // What was kept for it is still there: the snapshot and the first changes.
            for _ in 0..<256 { _ = try await slow.next() }
            let error = await #expect(throws: RemoteError.self) { try await slow.next() }
            #expect(error?.code?.rawValue == "SLOW_CONSUMER")
            try await eventually { await hub.streamCount == 1 }
            #expect(await hub.upstreamCount == 1)
        }
    }

    @Test("takes so many browsers of an address, so many in all, and so many topics; who leaves makes room")
    func caps() async throws {
        var limits = HTTPLimits()
        limits.streamsPerPeer = 2
        limits.streams = 4
        limits.streamTopics = 2
        try await Self.running(limits) { hub, product in
            // Kept: a subscription that is let go of is one that has ended.
            let first = try await hub.subscribe(to: .product(1), from: "a")
            var others = [try await hub.subscribe(to: .product(1), from: "a")]
            #expect(await Self.refusal(hub, .product(1), "a") == 429, "the address")
            others.append(try await hub.subscribe(to: .product(2), from: "b"))
            #expect(await Self.refusal(hub, .product(3), "b") == 429, "the topics")
            others.append(try await hub.subscribe(to: .product(2), from: "c"))
            #expect(await Self.refusal(hub, .product(1), "d") == 429, "all")
            #expect(await (hub.streamCount, hub.upstreamCount) == (4, 2), "what is refused leaves nothing behind")
            first.end()
            try await eventually { await hub.streamCount == 3 }
            #expect(await Self.refusal(hub, .product(1), "a") == nil)
            for subscription in others { subscription.end() }
        }
    }

    @Test(
        "ends the newest watch of the address with most, when there are as many as there may be and another wants one")
    func topics() async throws {
        var limits = HTTPLimits()
        limits.streamTopics = 4
        try await Self.running(limits) { hub, product in
            var subscriptions: [InventoryHub.Subscription] = []
            for id in 1...3 { subscriptions.append(try await hub.subscribe(to: .product(id), from: "a")) }
            let newest = Browser(try await hub.subscribe(to: .product(4), from: "a"))
            #expect(await Self.refusal(hub, .product(5), "a") == 429)
            subscriptions.append(try await hub.subscribe(to: .product(5), from: "b"))
            await #expect(throws: Problem.self) { try await newest.next() }
            #expect(await (hub.streamCount, hub.upstreamCount) == (4, 4))
            // Two of each address is fair.
            subscriptions.append(try await hub.subscribe(to: .product(6), from: "b"))
            #expect(await Self.refusal(hub, .product(7), "b") == 429)
            #expect(await (hub.streamCount, hub.upstreamCount) == (4, 4))
            for subscription in subscriptions { subscription.end() }
        }
    }

    @Test("ends a watch with its last browser, and opens another for the next one")
    func lastLeaves() async throws {
        try await Self.running { hub, product in
            let first = try await hub.subscribe(to: .product(1), from: "a")
            let second = try await hub.subscribe(to: .product(1), from: "a")
            let watch = try await product.watch()
            watch.snapshot(1)
            first.end()
            try await eventually { await hub.streamCount == 1 }
            #expect(await hub.upstreamCount == 1)
            second.end()
            // A watch notices that it is not wanted any more when it has something to say, as a server's does by its peer.
            try await eventually { await hub.upstreamCount == 0 }
            watch.change(2)
            await product.watchEnded()
            let next = Browser(try await hub.subscribe(to: .product(1), from: "a"))
            try await product.watch().snapshot(1, quantity: 9)
            #expect(try await next.next().contains(#""quantity":9,"#))
        }
    }

    @Test("gives a browser that comes back what it missed, and a reset and the snapshot if that is not here any more")
    func comesBack() async throws {
        try await Self.running { hub, product in
            let stays = Browser(try await hub.subscribe(to: .product(1), from: "a"))
            let watch = try await product.watch()
            watch.snapshot(1)
            _ = try await stays.next()
            for seq in 2...5 {
                watch.change(seq)
                _ = try await stays.next()
            }
            func comingBack(_ cursor: String) async throws -> String {
                try await Browser(try await hub.subscribe(to: .product(1), from: "b", after: cursor)).next()
            }
            let missed = try await comingBack("e:3")
            #expect(missed.hasPrefix("event: change\nid: e:4\n") && missed.contains("event: change\nid: e:5\n"))
            #expect(missed.split(separator: "event: ").count == 2)
            #expect(try await comingBack("e:1").split(separator: "event: change").count == 4)
            #expect(try await comingBack("e:5") == "", "nothing was missed")
            for unknown in ["e:0", "e:6", "f:3", "e:x", "nonsense", ""] {
                let anew = try await comingBack(unknown)
                #expect(
                    anew.hasPrefix("event: reset\n") && anew.contains("event: snapshot-end\nid: e:5\n"), "\(unknown)")
            }
            // Only so many changes are kept.
            for seq in 6...300 {
                watch.change(seq)
                _ = try await stays.next()
            }
            #expect(try await comingBack("e:43").hasPrefix("event: reset\n"))
            #expect(try await comingBack("e:44").split(separator: "event: change").count == 256)
        }
    }

    @Test("sends a comment to browsers that were told nothing for 15 heartbeats, not to all at once, and no heartbeat")
    func keepAlive() async throws {
        try await Self.running { hub, product in
            var browsers: [Browser] = []
            for number in 0..<250 {
                browsers.append(Browser(try await hub.subscribe(to: .product(1), from: "\(number)")))
            }
            let watch = try await product.watch()
            watch.snapshot(1)
            for browser in browsers { _ = try await browser.next() }
            func beat(_ count: Int, at seq: Int) {
                for _ in 0..<count {
                    watch.feed.yield(.heartbeat(cursor: "e:\(seq)", at: Instant(milliseconds: 0)))
                }
            }
            beat(14, at: 1)
            watch.change(2)
            for browser in browsers { #expect(try await browser.next().hasPrefix("event: change\n")) }
            // A change counts. After 15 more, a hundred get a comment at a time.
            beat(17, at: 2)
            watch.change(3)
            for browser in browsers { #expect(try await browser.next() == ": keep-alive\nid: e:2\n\n") }
            for browser in browsers { #expect(try await browser.next().hasPrefix("event: change\nid: e:3\n")) }
        }
    }

    @Test("keeps its browsers when its watch breaks, and goes on after the last cursor")
    func upstreamBreaks() async throws {
        try await Self.running { hub, product in
            let items = Browser(try await hub.subscribe(to: .product(1), from: "a"))
            let watch = try await product.watch()
            watch.snapshot(1)
            _ = try await items.next()
            watch.change(2)
            #expect(try await items.next().hasPrefix("event: change\nid: e:2\n"))
            watch.feed.finish(throwing: RemoteError(.shuttingDown, "going away"))
            let again = try await product.watch()
            #expect(again.request.after == "e:2")
            again.change(3)
            #expect(try await items.next().hasPrefix("event: change\nid: e:3\n"))
            #expect(await (hub.streamCount, hub.upstreamCount) == (1, 1))
        }
    }

    @Test("shows a reset, and the snapshot that follows it as a whole")
    func reset() async throws {
        try await Self.running { hub, product in
            let items = Browser(try await hub.subscribe(to: .vendor(3), from: "a"))
            let watch = try await product.watch()
            watch.snapshot(3)
            _ = try await items.next()
            watch.feed.yield(.reset(why: "pruned"))
            #expect(try await items.next().hasPrefix("event: reset\n"))
            watch.snapshot(2, quantity: 8)
            let shown = try await items.next()
            #expect(shown.split(separator: "event: snapshot\n").count == 2, "nothing of the earlier one is left")
            #expect(shown.contains(#""quantity":8,"#))
        }
    }

    @Test("tells every browser of a watch that fails, before its snapshot as well as later, and forgets them")
    func failure() async throws {
        for isLate in [false, true] {
            try await Self.running { hub, product in
                let browsers = [
                    Browser(try await hub.subscribe(to: .product(1), from: "a")),
                    Browser(try await hub.subscribe(to: .product(1), from: "b")),
                ]
                let watch = try await product.watch()
                if isLate {
                    watch.snapshot(1)
                    for browser in browsers { _ = try await browser.next() }
                }
                watch.feed.finish(throwing: RemoteError(.productNotFound, "There is no such product."))
                for browser in browsers {
                    let error = await #expect(throws: RemoteError.self) { try await browser.next() }
                    #expect(error?.code == .productNotFound)
                }
                #expect(await (hub.streamCount, hub.upstreamCount) == (0, 0))
            }
        }
    }

    // MARK: Over HTTP

    @Test("forgets a browser that goes away without a word, and asks Product for nothing that does not exist")
    func dropped() async throws {
        try await TestPlatform().serving { gateway in
            let hub = gateway.gateway.hub
            try await RawSocket.connected(to: gateway.port) { socket in
                try await socket.write("GET /api/products/9001/inventory/stream HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(String(decoding: try await socket.read(12), as: UTF8.self).hasPrefix("HTTP/1.1 200"))
                #expect(await (hub.streamCount, hub.upstreamCount) == (1, 1))
            }
            try await eventually { await (hub.streamCount, hub.upstreamCount) == (0, 0) }
            for path in ["/api/inventory/stream?vendorId=777", "/api/products/777/inventory/stream"] {
                #expect(try await gateway.http.get(path).status == 404)
            }
            #expect(await hub.upstreamCount == 0)
        }
    }

    @Test("goes on after the cursor in Last-Event-ID, or else in the query")
    func resumedOverHTTP() async throws {
        try await TestPlatform().serving { gateway in
            @Sendable func begin(_ path: String, _ header: String, upTo mark: String) async throws -> String {
                try await RawSocket.connected(to: gateway.port) { socket in
                    try await socket.write("GET \(path) HTTP/1.1\r\nHost: a\r\n\(header)\r\n")
                    var text = ""
                    while !text.contains(mark) {
                        // All bytes since the connection opened, and at least one that is new.
                        let bytes = try await socket.read(text.utf8.count + 1)
                        if bytes.count == text.utf8.count { throw HTTP.Unexpected("the stream ended after: \(text)") }
                        text = String(decoding: bytes, as: UTF8.self)
                    }
                    return text
                }
            }
            let path = "/api/products/9001/inventory/stream"
            // One that stays keeps the watch of the topic open.
            try await RawSocket.connected(to: gateway.port) { stays in
                try await stays.write("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try await stays.read(12)
                let first = try await begin(path, "", upTo: "event: snapshot-end\nid: ")
                #expect(first.contains("retry: 3000\n") && first.contains("event: snapshot\n"))
                for (query, header) in [("?after=x:1", ""), ("?after=e:1", "Last-Event-ID: x:1\r\n")] {
                    let anew = try await begin(path + query, header, upTo: "event: snapshot-end")
                    #expect(anew.contains("event: reset\n"))
                }
                #expect(try await gateway.http.get(path + "?after=" + String(repeating: "x", count: 65)).status == 400)
            }
        }
    }

    @Test("answers 429 with Retry-After to an address with too many streams, and none of another's")
    func tooMany() async throws {
        var limits = HTTPLimits()
        limits.streamsPerPeer = 3
        let request = "GET /api/products/9001/inventory/stream HTTP/1.1\r\nHost: a\r\n\r\n"
        try await TestPlatform().serving(limits: limits) { gateway in
            try await SilentSocket.connected(3, to: gateway.port, from: "127.0.0.2") { sockets in
                for socket in sockets { socket.write(request) }
                try await eventually { await gateway.gateway.hub.streamCount == 3 }
                try await RawSocket.connected(to: gateway.port, from: "127.0.0.2") { socket in
                    try await socket.write(request.replacing("\r\n\r\n", with: "\r\nConnection: close\r\n\r\n"))
                    let answer = String(decoding: await socket.readToEnd(), as: UTF8.self)
                    #expect(answer.hasPrefix("HTTP/1.1 429") && answer.lowercased().contains("retry-after: 5"))
                    #expect(answer.contains("TOO_MANY_STREAMS"))
                }
                try await RawSocket.connected(to: gateway.port, from: "127.0.0.3") { socket in
                    try await socket.write(request)
                    #expect(String(decoding: try await socket.read(12), as: UTF8.self).hasPrefix("HTTP/1.1 200"))
                }
            }
        }
    }
}
