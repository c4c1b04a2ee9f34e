import Dispatch
import Logging
import NIOCore
import Rookery
import RookeryTCP
import RookeryTesting
import Synchronization
import Testing

private func request(_ pattern: String, _ id: Int, data: String = "1") -> String {
    let body = "{\"pattern\":\"\(pattern)\",\"data\":\(data),\"id\":\"\(id)\"}"
    return "\(body.utf16.count)#\(body)"
}

private func event(_ pattern: String) -> String {
    let body = "{\"pattern\":\"\(pattern)\",\"data\":1}"
    return "\(body.utf16.count)#\(body)"
}

/// Keeps what is logged.
private final class Lines: Sendable {
    let lines = Mutex<[(level: Logger.Level, message: String, metadata: Logger.Metadata)]>([])

    func logger(_ level: Logger.Level = .trace) -> Logger {
        var logger = Logger(label: "test") { _ in Handler(lines: self) }
        logger.logLevel = level
        return logger
    }

    func count(_ message: String) -> Int { lines.withLock { $0.filter { $0.message == message }.count } }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let line = (event.level, "\(event.message)", event.metadata ?? [:])
            lines.lines.withLock { $0.append(line) }
        }
    }
}

private func withLoggedServer<Result: Sendable>(
    _ routes: [Route], _ logger: Logger, on eventLoops: EventLoops = .shared,
    _ body: (Int, RookeryServer) async throws -> Result
) async throws -> Result {
    let server = try RookeryServer(ServerConfiguration(port: 0), routes: routes, eventLoops: eventLoops, logger: logger)
    return try await server.running { try await body(try need($0.port), server) }
}

@Suite("Connections of a server", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private static let echo: [Route] = [.raw("echo") { $0 }]

    // MARK: How many there may be

    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 1) }

    @Test("are limited for each peer address, of IPv6 for each /64")
    func perPeer() throws {
        let table = ConnectionTable(.init(connections: 100, connectionsPerPeer: 2))
        func admit(_ text: String) throws -> ConnectionTable.Entry {
            try table.admit(from: address(text), at: .now()) {}
        }
        let first = try admit("10.0.0.1")
        _ = try admit("10.0.0.1")
        #expect(throws: ConnectionTable.Refusal.peer) { try admit("10.0.0.1") }
        _ = try admit("10.0.0.2")
        table.remove(first)
        _ = try admit("10.0.0.1")
        _ = try admit("2001:db8::1")
        _ = try admit("2001:db8::ffff:2")
        #expect(throws: ConnectionTable.Refusal.peer) { try admit("2001:db8::3") }
        _ = try admit("2001:db8:0:1::1")
        // The same peer, by a socket for both.
        #expect(throws: ConnectionTable.Refusal.peer) { try admit("::ffff:10.0.0.1") }
        #expect(table.count == 6)
    }

    @Test(
        "give way to a new one when there are as many as there may be: first what never sent a message, then the idlest"
    )
    func giveWay() throws {
        let gone = Mutex<[Int]>([])
        let table = ConnectionTable(.init(connections: 4, connectionsPerPeer: 100))
        func admit(_ number: Int, _ second: Int) throws -> ConnectionTable.Entry {
            try table.admit(from: address("10.0.0.\(number)"), at: .uptimeNanoseconds(UInt64(second) * 1_000_000_000)) {
                gone.withLock { $0.append(number) }
            }
        }
        let entries = try (1...4).map { try admit($0, 1) }
        entries[0].messageCame(at: .uptimeNanoseconds(2_000_000_000))
        entries[1].messageCame(at: .uptimeNanoseconds(3_000_000_000))
        entries[3].messageCame(at: .uptimeNanoseconds(4_000_000_000))
        entries[3].setBusy(true)
        let fifth = try admit(5, 10)
        #expect(gone.withLock { $0 } == [3] && table.count == 4)
        fifth.messageCame(at: .uptimeNanoseconds(10_000_000_000))
        _ = try admit(6, 11)
        #expect(gone.withLock { $0 } == [3, 1])
        // The new one has not sent a message yet.
        _ = try admit(7, 12)
        #expect(gone.withLock { $0 } == [3, 1, 6])
        for entry in entries + [fifth] { entry.setBusy(true) }
        let last = try admit(8, 13)
        last.setBusy(true)
        #expect(throws: ConnectionTable.Refusal.full) { try admit(9, 14) }
        // One that has given way takes no place from another.
        table.remove(entries[2])
        #expect(table.count == 4)
    }

    @Test("that only take up room do not keep out a peer that has something to ask")
    func idleSockets() async throws {
        try await withServer(Self.echo, { $0.limits.connections = 8 }) { port, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let arrived = Gate()
                for _ in 0..<20 {
                    group.addTask {
                        try await RawSocket.connected(to: port) { socket in
                            await arrived.pass()
                            _ = await socket.readToEnd()
                        }
                    }
                }
                await arrived.arrived(20)
                try await expect(plainClient(port), "echo", 1, 1)
                #expect(server.connectionCount <= 8)
                await arrived.open()
                group.cancelAll()
            }
        }
    }

    @Test("have streams of their own number: what opens many keeps no call from being answered")
    func streams() async throws {
        let endless = Route.stream(Command("endless", pattern: "endless", kind: .stream)) { (_: Int) in
            MessageStream<Int>(unfolding: {
                try await untilCancelled()
                return nil
            })
        }
        let change: (inout ServerConfiguration) -> Void = {
            $0.limits.streams = 5
            $0.limits.inFlight = 5
        }
        try await withServer([endless] + Self.echo, change) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                try await socket.write((1...6).map { request("endless", $0) }.joined())
                let refusal = String(decoding: try await socket.read(140), as: UTF8.self)
                #expect(
                    refusal.contains("OVERLOADED") && refusal.contains("streams") && refusal.contains("\"id\":\"6\""))
                try await socket.write(request("echo", 7))
                let all = String(decoding: try await socket.read(refusal.utf8.count + 44), as: UTF8.self)
                #expect(all.hasSuffix(#"{"response":1,"isDisposed":true,"id":"7"}"#))
            }
        }
    }

    @Test("take turns: one that has sent thousands of messages does not keep the loop to itself")
    func fairness() async throws {
        let loops = EventLoops(threads: 1)
        let handled = Mutex(0)
        let seen = Mutex(0)
        let routes: [Route] = [
            .raw("many") { _ in
                handled.withLock { $0 += 1 }
                return nil
            },
            .raw("one") { _ in
                seen.withLock { $0 = handled.withLock { $0 } }
                return nil
            },
        ]
        let server = try RookeryServer(ServerConfiguration(port: 0), routes: routes, eventLoops: loops, logger: quiet)
        try await server.running { address in
            let port = try need(address.port)
            try await NestSocket.connected(to: port) { other in
                other.write([("first", "one", 1)])
                _ = await other.answers(to: ["first"])
                try await NestSocket.connected(to: port) { flood in
                    let ids = (0..<20_000).map { "\($0)" }
                    flood.write(ids.map { ($0, "many", 1) })
                    while handled.withLock({ $0 }) == 0 { await Task.yield() }
                    other.write([("second", "one", 1)])
                    _ = await other.answers(to: ["second"])
                    #expect(seen.withLock { $0 } < 20_000)
                    _ = await flood.answers(to: ids)
                }
            }
        }
        #expect(handled.withLock { $0 } == 20_000)
        try await loops.shutDown()
    }

    @Test("are read on when more came at once than is decoded in one turn, wherever the reads cut it")
    func readOn() async throws {
        let route = Route.raw("echo") { _ in nil }
        try await withServer([route]) { port, _ in
            // Some of these counts end the backlog of one read with the next one.
            for count in stride(from: 260, to: 3000, by: 37) {
                try await NestSocket.connected(to: port) { socket in
                    let ids = (0..<count).map { "\(1000 + $0)" }
                    socket.write(ids.map { ($0, "echo", .string(String(repeating: "x", count: 36))) })
                    _ = await socket.answers(to: ids)
                    socket.write([("more", "echo", 1)])
                    _ = await socket.answers(to: ["more"])
                }
            }
        }
    }

    // MARK: How they end

    @Test("of a reader that stands still do not hold up a stop")
    func stalledReader() async throws {
        let stream = Route.stream(Command("flood", pattern: "flood", kind: .stream)) { (_: Int) in
            MessageStream<String>(unfolding: { String(repeating: "x", count: 100_000) })
        }
        let began = Mutex(ContinuousClock.now)
        try await withServer([stream] + Self.echo, { $0.drainTimeout = .seconds(60) }) { port, server in
            let (stays, leave) = AsyncStream.makeStream(of: Void.self)
            let reader = Task {
                try await RawSocket.connected(to: port) { socket in
                    try await socket.write(request("flood", 1))
                    for await _ in stays {}
                }
            }
            // It has been sent all that the network keeps for it.
            try await eventually { server.memoryInUse > 1_000_000 }
            began.withLock { $0 = .now }
            _ = (reader, leave)
        }
        #expect(began.withLock { $0.duration(to: .now) } < .seconds(20))
    }

    @Test("let handlers of events finish when their sender has gone, and a stop waits for them")
    func events() async throws {
        let begun = Gate()
        let goOn = Gate()
        let finished = Mutex<[Bool]>([])
        let route = Route.raw("happened", isEvent: true) { _ in
            await begun.open()
            await goOn.pass()
            finished.withLock { $0.append(Task.isCancelled) }
            return nil
        }
        try await withServer([route], { $0.drainTimeout = .seconds(30) }) { port, server in
            try await RawSocket.connected(to: port) { socket in
                // Two in one write: the second one may not have begun when the connection ends.
                try await socket.write(event("happened") + event("happened"))
                await begun.pass()
            }
            #expect(server.connectionCount == 1)
            await goOn.open()
        }
        #expect(finished.withLock { $0 } == [false, false])
    }

    @Test("tell a handler that was cancelled from one that says so by itself, which is a fault")
    func cancellation() async throws {
        let lines = Lines()
        let routes: [Route] = [.raw("gives-up") { _ in throw CancellationError() }]
        try await withLoggedServer(routes, lines.logger()) { port, _ in
            let error = await #expect(throws: RemoteError.self) { try await client(port).send("gives-up", 1) }
            #expect(error == .internalServerError)
        }
        #expect(lines.count("a handler failed") == 1)
    }

    @Test("leave nothing behind of a server that was made and never run")
    func neverRun() throws {
        for _ in 0..<10 {
            _ = try RookeryServer(ServerConfiguration(port: 0), routes: [], logger: quiet)
        }
    }

    // MARK: What is said about them

    @Test("get a line a second in the log, whatever they send, and the rest is counted")
    func logs() async throws {
        let lines = Lines()
        try await withLoggedServer(Self.echo, lines.logger(.warning)) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                try await socket.write(String(repeating: event("nobody"), count: 5000) + request("echo", 1))
                _ = try await socket.read(44)
            }
        }
        // Two when a second ended in between.
        #expect((1...2).contains(lines.count("no handler for an event")))

        let peer = PeerAccount(address: "a")
        #expect(peer.mayLog(second: 1) == 0)
        for _ in 0..<7 { #expect(peer.mayLog(second: 1) == nil) }
        #expect(peer.mayLog(second: 2) == 7)
    }

    @Test("have their loop watched: a handler that holds it is named")
    func watchdog() async throws {
        let loops = EventLoops(threads: 1)
        let holds = DispatchSemaphore(value: 0)
        let begun = Gate()
        let routes: [Route] = [
            .raw("holds-the-loop") { _ in
                Task { await begun.open() }
                holds.wait()
                return nil
            }
        ]
        try await withLoggedServer(routes, quiet, on: loops) { port, _ in
            let call = Task { try await client(port).with { $0.timeout = .seconds(30) }.send("holds-the-loop", 1) }
            await begun.pass()
            let now = NIODeadline.now()
            // The first look may be the first that sees this burst.
            _ = loops.watchdog.held(at: now)
            let held = loops.watchdog.held(at: now + .milliseconds(600))
            #expect(held.map(\.command) == ["holds-the-loop"] && (held.first?.milliseconds ?? 0) >= 300)
            #expect(loops.watchdog.held(at: now + .milliseconds(900)).isEmpty, "once is enough")
            holds.signal()
            _ = try await call.value
        }
        try await loops.shutDown()
    }

    // MARK: Large payloads

    @Test("compress and inflate large payloads both ways, and keep the order of a stream's values")
    func largePayloads() async throws {
        let values = Route.stream(Command("values", pattern: "values", kind: .stream)) { (sizes: [Int]) in
            MessageStream(sizes.enumerated().map { "\($0)" + String(repeating: "x", count: $1) })
        }
        try await withServer(Self.echo + [values]) { port, server in
            let client = client(port)
            try await expect(client, "echo", 1, 1)
            let large = JSONValue.string(String(repeating: "žlutý kůň ", count: 100_000))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await expect(client, "echo", large, large) } }
                try await group.waitForAll()
            }
            let sizes = [1, 500_000, 2, 400_000, 300_000, 3]
            var read: [String] = []
            for try await value in try await client.stream("values", .array(sizes.map { .int(Int64($0)) })) {
                read.append(value?.stringValue ?? "")
            }
            #expect(
                read.map(\.count) == sizes.map { $0 + 1 }
                    && read.map { $0.prefix(1) } == ["0", "1", "2", "3", "4", "5"])
            try await eventually { server.memoryInUse == 0 }
        }
    }

    // MARK: Calls

    @Test("to a plain peer do not repeat a keyed command whose key could not be sent")
    func keyedToPlainPeer() async throws {
        for (sendsMetadata, attempts) in [(false, 1), (true, 3)] {
            let asked = Mutex(0)
            try await ScriptedPeer.running({ _ in
                asked.withLock { $0 += 1 }
                return .writeAndClose([])
            }) { peer in
                let destination = try RookeryTCPTests.destination("plain", [peer.port]) {
                    $0.retry.baseDelay = .zero
                    $0.negotiates = false
                    $0.sendsMetadata = sendsMetadata
                }
                let client = RookeryClient(destination)
                let error = await #expect(throws: CallError.self) {
                    try await client.send("pay", 1, idempotency: .keyed)
                }
                #expect(error?.wasWritten == true && error?.code == .connectionLost)
                #expect(asked.withLock { $0 } == attempts)
                await destination.close()
            }
        }
    }

    @Test("fail with an error that says so when their metadata is more than a frame can say")
    func largeMetadata() async throws {
        try await withServer(Self.echo, { $0.limits.metadata = 60_000 }) { port, _ in
            let client = client(port)
            try await expect(client, "echo", 1, 1)
            func send(_ size: Int) async throws -> JSONValue? {
                let metadata = ["tenant": String(repeating: "t", count: size)]
                let context = MessageContext(pattern: "outer", metadata: metadata, peer: "test")
                return try await MessageContext.with(context, context.metadata) { try await client.send("echo", 2) }
            }
            #expect(try await send(50_000) == 2)
            let refused = await #expect(throws: RemoteError.self) { _ = try await send(63_000) }
            #expect(refused?.code == .invalidPayload)
            let error = await #expect(throws: CallError.self) { _ = try await send(66_000) }
            #expect(error?.code == .invalidCall && error?.message.contains("metadata") == true)
        }
    }

    @Test("of a server that plays dead end, and nobody gets new ones until it comes back, at the same port")
    func playsDead() async throws {
        let server = try RookeryServer(.init(port: 0), routes: [.raw("echo") { $0 }], logger: Lines().logger())
        try await server.running { address in
            let port = address.port ?? 0
            let client = try RookeryClient(ClientConfiguration("echo", at: "127.0.0.1:\(port)"))
            #expect(try await client.send("echo", 1) == 1)
            await server.playDead()
            try await eventually { server.connectionCount == 0 }
            await #expect(throws: (any Error).self) { try await RawSocket.connected(to: port) { _ in } }
            try await server.comeBack()
            try await eventually { (try? await client.send("echo", 2)) == 2 }
            await client.close()
        }
    }
}
