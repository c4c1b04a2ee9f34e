#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

/// Counts what a server's handlers were told.
private final class Seen: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    func note(_ what: String) { counts.withLock { $0[what, default: 0] += 1 } }
    subscript(_ what: String) -> Int { counts.withLock { $0[what] ?? 0 } }
}

@Suite("A server protects itself", .serialized, .timeLimit(.minutes(1)))
struct ProtectionTests {
    @Test("by refusing work whose time is over when it comes", arguments: ["0", "-5"])
    func late(_ left: String) async throws {
        let seen = Seen()
        let route = Route.raw("work") { _ in
            seen.note("ran")
            return JSONValue.null
        }
        try await withServer([route]) { port, _ in
            let packet = #"{"pattern":"work","data":null,"metadata":{"rookery-timeout-ms":"\#(left)"},"id":"1"}"#
            let answer = try await RawSocket.connected(to: port) { socket in
                try await socket.write("\(packet.utf8.count)#\(packet)")
                socket.finish()
                return String(decoding: await socket.readToEnd(), as: UTF8.self)
            }
            #expect(answer.contains("DEADLINE_EXCEEDED") && seen["ran"] == 0)
        }
    }

    @Test("by cancelling a handler whose caller's time is over, on either wire", arguments: [false, true])
    func cancels(_ negotiates: Bool) async throws {
        let cancelled = Gate()
        let route = Route.raw("work") { _ in
            do {
                try await untilCancelled()
            } catch {
                await cancelled.open()
                throw error
            }
            return nil
        }
        try await withServer([route]) { port, server in
            let client = client(port) {
                $0.negotiates = negotiates
                $0.sendsMetadata = true
            }
            let error = await #expect(throws: CallError.self) {
                _ = try await client.with { $0.timeout = .milliseconds(50) }.send("work", .null)
            }
            #expect(error?.code == .timeout)
            await cancelled.pass()
            try await eventually { server.messagesInFlight == 0 }
        }
    }

    @Test("by shedding what is too much before it runs, the least important first")
    func sheds() async throws {
        let gate = Gate()
        try await withServer(
            [slow(gate)],
            {
                $0.shedding.initial = 10
                $0.shedding.minimum = 10
                $0.shedding.maximum = 10
                $0.shedding.patience = .milliseconds(50)
            }
        ) { port, server in
            // From the first call on, also before anybody knows what the server takes.
            let client = client(port) { $0.sendsMetadata = true }
            func call(_ criticality: Criticality) async throws {
                let context = MessageContext(
                    pattern: "x", metadata: [MetadataName.criticality: criticality.name], peer: "p")
                try await MessageContext.with(context, context.metadata) { _ = try await client.send("slow", 1) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<7 { group.addTask { _ = try await client.send("slow", 1) } }
                await gate.arrived(7)
                let shed = await #expect(throws: RemoteError.self) { try await call(.sheddable) }
                #expect(
                    shed?.code == .overloaded && (100...300).contains(shed?.details?["retryAfterMs"]?.intValue ?? 0))
                for _ in 0..<2 { group.addTask { try await call(.default) } }
                await gate.arrived(9)
                await #expect(throws: RemoteError.self) { try await call(.default) }
                group.addTask { try await call(.critical) }
                await gate.arrived(10)
                await #expect(throws: RemoteError.self) { try await call(.critical) }
                #expect(await gate.arrivals == 10, "what is shed runs nothing")
                await gate.open()
                try await group.waitForAll()
            }
            try await eventually { server.messagesInFlight == 0 }
        }
    }

    @Test("by leaving connections on which nothing happens, and not those on which something does")
    func idle() async throws {
        let gate = Gate()
        try await withServer([slow(gate)], { $0.limits.idle = .milliseconds(50) }) { port, server in
            async let reply = plainClient(port).send("slow", 1)
            await gate.arrived(1)
            let bytes = try await RawSocket.connected(to: port) { await $0.readToEnd() }
            #expect(bytes.isEmpty)
            #expect(server.connectionCount == 1)
            await gate.open()
            let value = try await reply
            #expect(value == 1)
            try await eventually { server.connectionCount == 0 }
        }
    }

    @Test("by sending long-lived peers elsewhere, without losing a call")
    func age() async throws {
        let echo = Route.raw("echo") { $0 }
        try await withServer([echo], { $0.connectionAge = .milliseconds(20) }) { port, _ in
            try await FaultProxy.running(to: port) { proxy in
                let client = client(proxy.port)
                var calls = 0
                while proxy.connectionCount < 4 {
                    try await expect(client, "echo", .int(Int64(calls)), .int(Int64(calls)))
                    calls += 1
                }
                #expect(calls > 4)
                await client.close()
            }
        }
    }

    @Test("by saying whether it is of use")
    func health() async throws {
        let checks = [
            HealthCheck("database") {},
            HealthCheck("vendor", isRequired: false) { throw HealthCheck.Failed("breaker open") },
        ]
        var configuration = ServerConfiguration(port: 0)
        configuration.name = "booking"
        let server = try RookeryServer(configuration, routes: [], health: checks, logger: quiet)
        try await server.running { address in
            let client = plainClient(try need(address.port))
            let report = try await client.send(Health.pattern, .null)
            #expect(report?["service"] == "booking" && report?["status"] == "degraded")
            // That it is down, not why: a peer need not know.
            #expect(report?["checks"] == ["database": ["status": "up"], "vendor": ["status": "down"]])
        }
    }
}

@Suite("A pool", .serialized, .timeLimit(.minutes(1)))
struct PoolTests {
    @Test("grows by a connection when all have as many calls as allowed, up to its maximum, and calls share them")
    func grows() async throws {
        let gate = Gate()
        // It is about the client: the server takes all of them at once.
        try await withServer([slow(gate)], { $0.shedding.initial = 100 }) { port, server in
            let transport = RookeryTCPTests.transport(port) {
                $0.pool.growAt = 10
                $0.pool.maximumConnections = 3
            }
            let client = RookeryClient(transport: transport)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for count in [10, 10, 30] {
                    let wanted = await gate.arrivals + count
                    for _ in 0..<count { group.addTask { _ = try await client.send("slow", 1) } }
                    await gate.arrived(wanted)
                    // Ten that come at once make one connection, not ten.
                    if wanted == 10 { #expect(server.connectionCount == 1) }
                }
                #expect(await transport.connectionCount == 3 && server.connectionCount == 3)
                await gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test("lets only so many calls wait for a connection")
    func waiting() async throws {
        // An address from which no answer comes, not even a refusal: connecting takes all of its time.
        let transport = RookeryTCPTests.transport(Self.unanswered) {
            $0.connectTimeout = .milliseconds(300)
            $0.pool.maximumConnections = 1
            $0.pool.maximumWaiting = 20
        }
        let client = RookeryClient(transport: transport)
        let codes = await withTaskGroup(of: CallError.Code?.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    do {
                        _ = try await client.send("echo", 1)
                        return nil
                    } catch {
                        return (error as? CallError)?.code
                    }
                }
            }
            return await group.reduce(into: [String: Int]()) {
                $0["\($1.map { "\($0)" } ?? "answered")", default: 0] += 1
            }
        }
        #expect(codes == ["cannotConnect": 20, "tooManyCalls": 180])
    }

    /// A port whose queue of connections nobody accepts is full.
    private static let unanswered: Int = {
        #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, stream, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = bind(listener, pointer, length)
                _ = listen(listener, 0)
                _ = getsockname(listener, pointer, &length)
                for _ in 0..<2 {
                    let filler = socket(AF_INET, stream, 0)
                    _ = fcntl(filler, F_SETFL, O_NONBLOCK)
                    _ = connect(filler, pointer, length)
                }
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }()

    @Test("asks a silent peer whether it lives, which any answer says, also a plain one's refusal")
    func keepalive() async throws {
        // A plain peer: it answers the call after the third question, and refuses the questions.
        try await ScriptedPeer.running({ bytes in
            let received = String(decoding: bytes, as: UTF8.self)
            let ids = received.matches(of: /"id":"(\d+)"/).map { String($0.1) }
            guard let call = ids.first, let last = ids.last else { return .silence }
            func packet(_ text: String) -> [UInt8] { Array("\(text.utf8.count)#\(text)".utf8) }
            if ids.count == 1 { return .silence }
            let refusal = packet(#"{"id":"\#(last)","status":"error","err":"\#(RemoteError.noHandlerText)"}"#)
            if ids.count < 4 { return .write(refusal) }
            return .write(refusal + packet(#"{"response":7,"isDisposed":true,"id":"\#(call)"}"#))
        }) { peer in
            let transport = transport(peer.port) {
                $0.negotiates = false
                $0.pool.pingAfter = .milliseconds(10)
                $0.pool.pingTimeout = .milliseconds(2000)
            }
            let reply = try await RookeryClient(transport: transport).send("echo", 1)
            #expect(reply == 7)
        }
    }

    @Test("gives up a connection whose peer does not answer any more, and says so to its calls")
    func dead() async throws {
        try await ScriptedPeer.running({ _ in .silence }) { peer in
            let transport = transport(peer.port) {
                $0.negotiates = false
                $0.pool.pingAfter = .milliseconds(20)
                $0.pool.pingTimeout = .milliseconds(20)
            }
            let error = await #expect(throws: CallError.self) {
                _ = try await RookeryClient(transport: transport).send("echo", 1)
            }
            #expect(error?.code == .connectionLost && error?.wasWritten == true)
            #expect(error?.cause?.contains("no answer to a ping") == true)
        }
    }

    @Test("drains without losing a call, and sends later ones elsewhere")
    func drains() async throws {
        let gate = Gate()
        try await withServer([slow(gate)]) { port, server in
            let transport = transport(port)
            let client = RookeryClient(transport: transport)
            async let reply = client.send("slow", 1)
            await gate.arrived(1)
            async let drained: Void = transport.drain()
            while true {
                do {
                    _ = try await client.with { $0.timeout = .milliseconds(1) }.send("slow", 2)
                } catch let error as CallError where error.code == .cannotConnect {
                    break
                } catch {}
            }
            await gate.open()
            let value = try await reply
            #expect(value == 1)
            await drained
            try await eventually { server.connectionCount == 0 }
        }
    }
}
