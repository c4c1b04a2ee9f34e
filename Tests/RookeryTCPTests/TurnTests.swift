import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import RookeryTCP

@Suite("A command with much to do", .serialized, .timeLimit(.minutes(1)))
struct TurnTests {
    /// Ten at once; nine of them ordinary.
    private static func limited(_ configuration: inout ServerConfiguration) {
        configuration.shedding.initial = 10
        configuration.shedding.minimum = 10
        configuration.shedding.maximum = 10
        configuration.shedding.patience = .seconds(30)
    }

    private static func frame(_ number: Int) -> String {
        let body = #"{"pattern":"slow","data":\#(number),"id":"\#(number)"}"#
        return "\(body.utf8.count)#\(body)"
    }

    /// Notes in which order messages are handled, and lets one go on at a time.
    private static func noting(_ order: Log, _ gate: Gate) -> Route {
        .raw("slow") { data in
            await order.add(data?.intValue ?? 0)
            await gate.pass()
            return data
        }
    }

    private actor Log {
        private(set) var all: [Int] = []
        func add(_ number: Int) { all.append(number) }
    }

    @Test("answers a peer that asks for little before the rest of one that asks for much")
    func fair() async throws {
        let order = Log()
        let gate = Gate()
        try await withServer([Self.noting(order, gate)], Self.limited) { port, server in
            try await RawSocket.connected(to: port, from: "127.0.0.2") { flood in
                try await flood.write((0..<10).map(Self.frame).joined())
                try await eventually { await order.all.count == 9 && server.messagesWaiting == 1 }
                try await flood.write((10..<100).map(Self.frame).joined())
                try await eventually { server.messagesWaiting == 91 }
                try await RawSocket.connected(to: port, from: "127.0.0.3") { good in
                    try await good.write(Self.frame(500))
                    try await eventually { server.messagesWaiting == 92 }
                    await gate.open()
                    let answer = String(decoding: try await good.read(10), as: UTF8.self)
                    #expect(answer.contains(#""response":500"#))
                }
                // Everything is answered in the end, and the other peer's came after one of the flood at most.
                var answered: [UInt8] = []
                try await eventually {
                    answered = try await flood.read(answered.count + 1)
                    return String(decoding: answered, as: UTF8.self).ranges(of: "isDisposed").count == 100
                }
            }
            let place = try #require(await order.all.firstIndex(of: 500))
            #expect(place <= 11)
            #expect(await order.all.count == 101)
            try await eventually { server.messagesInFlight == 0 }
        }
    }

    @Test("forgets what waits when its peer leaves, or does not wait any longer, and goes on with the others")
    func leaves() async throws {
        let order = Log()
        let gate = Gate()
        let routes = [Self.noting(order, gate), .raw("echo") { $0 }]
        try await withServer(routes, Self.limited) { port, server in
            try await RawSocket.connected(to: port) { busy in
                try await busy.write((0..<9).map(Self.frame).joined())
                try await eventually { await order.all.count == 9 }
                try await RawSocket.connected(to: port, from: "127.0.0.2") { gone in
                    try await gone.write((10..<20).map(Self.frame).joined())
                    try await eventually { server.messagesWaiting == 10 }
                }
                try await eventually { server.connectionCount == 1 && server.messagesWaiting == 10 }
                // A caller that says it does not wait any longer, and one whose time is over.
                let client = client(port)
                // Nothing but the first call goes ahead of the hello's answer, and cannot be cancelled.
                try await expect(client, "echo", 1, 1)
                let cancelled = Task { try await client.with { $0.timeout = .seconds(60) }.send("slow", 20) }
                try await eventually { server.messagesWaiting == 11 }
                cancelled.cancel()
                await #expect(throws: CancellationError.self) { try await cancelled.value }
                await #expect(throws: (any Error).self) {
                    _ = try await client.with { $0.timeout = .milliseconds(20) }.send("slow", 21)
                }
                let last = Task { try await client.with { $0.timeout = .seconds(60) }.send("slow", 22) }
                try await eventually { server.messagesWaiting == 13 }
                await gate.open()
                #expect(try await last.value == 22)
            }
            #expect(await order.all.filter { $0 >= 10 } == [22])
            try await eventually { server.messagesInFlight == 0 && server.messagesWaiting == 0 }
        }
    }

    @Test("gives permits to those who read: a peer that takes no answers holds none")
    func silentPeer() async throws {
        let gate = Gate()
        let big = Route.raw("slow") { data in
            await gate.pass()
            return String(repeating: "x", count: 400_000)
        }
        try await withServer([big], Self.limited) { port, server in
            try await SilentSocket.connected(to: port, from: "127.0.0.2") { silent in
                silent.write((0..<64).map(Self.frame).joined())
                try await eventually { server.messagesInFlight == 9 && server.messagesWaiting == 55 }
                await gate.open()
                // Its handlers stop for want of room, which costs only itself.
                try await eventually { server.messagesInFlight == 0 }
                for number in 0..<20 {
                    try await RawSocket.connected(to: port, from: "127.0.0.3") { good in
                        try await good.write(Self.frame(number))
                        #expect(try await good.read(400_000).count >= 400_000)
                    }
                }
            }
        }
    }

    @Test("lets its loop read other connections while its jobs follow each other without a pause")
    func polls() async throws {
        let isAsked = Flag()
        let end = ContinuousClock.now + .seconds(20)
        let routes: [Route] = [
            .raw("busy") { _ in
                while !isAsked.value, .now < end { await Task.yield() }
                return isAsked.value
            },
            .raw("ask") { _ in
                isAsked.set()
                return nil
            },
        ]
        let loops = EventLoops(threads: 1)
        let server = try RookeryServer(
            ServerConfiguration(port: 0), routes: routes, eventLoops: loops, logger: quiet)
        try await server.running { address in
            let port = try need(address.port)
            let busy = client(port, timeout: .seconds(30))
            let other = client(port, timeout: .seconds(30), on: .shared)
            async let wasAsked = busy.send("busy", 1)
            try await eventually { server.messagesInFlight == 1 }
            _ = try await other.send("ask", 1)
            #expect(try await wasAsked == .bool(true))
        }
        try await loops.shutDown()
    }

    private final class Flag: Sendable {
        private let isSet = Mutex(false)
        var value: Bool { isSet.withLock { $0 } }
        func set() { isSet.withLock { $0 = true } }
    }

    @Test("counts requests without an id like others, and begins no stream without one")
    func withoutId() async throws {
        let order = Log()
        let gate = Gate()
        let streams = Log()
        let endless = Route(Command("endless", pattern: "endless", kind: .stream)) { _, sink in
            await streams.add(1)
            while true { try await sink.value(1) }
        }
        try await withServer([Self.noting(order, gate), endless, .raw("echo") { $0 }], Self.limited) { port, server in
            try await RawSocket.connected(to: port) { socket in
                func anonymous(_ pattern: String, _ number: Int) -> String {
                    let body = #"{"pattern":"\#(pattern)","data":\#(number)}"#
                    return "\(body.utf8.count)#\(body)"
                }
                try await socket.write((0..<50).map { anonymous("endless", $0) }.joined())
                try await socket.write((0..<20).map { anonymous("slow", $0) }.joined())
                try await eventually { await order.all.count == 9 && server.messagesWaiting == 11 }
                try await expect(client(port), "echo", 1, 1)
                await gate.open()
                try await eventually { await order.all.count == 20 }
            }
            try await eventually { server.connectionCount == 0 || server.messagesInFlight == 0 }
            #expect(await streams.all.isEmpty)
        }
    }
}
