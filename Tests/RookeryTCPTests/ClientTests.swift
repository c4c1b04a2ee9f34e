import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

@Suite("A call over TCP")
struct ClientTests {
    private static let echo: [Route] = [.raw("echo") { $0 }]

    private static func failure(_ body: () async throws -> Void) async -> CallError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? CallError
        }
    }

    @Test("to a port where nobody listens fails at once, with host and port")
    func refused() async throws {
        let port = try await withServer([]) { port, _ in port }
        let error = await Self.failure { _ = try await client(port).send("echo", 1) }
        #expect(error?.code == .cannotConnect && error?.wasWritten == false)
        #expect(error?.message.contains("127.0.0.1:\(port)") == true)
    }

    @Test("shares one connection with fifty others that start together")
    func singleFlight() async throws {
        try await withServer(Self.echo) { port, server in
            let client = client(port)
            try await withThrowingTaskGroup(of: JSONValue?.self) { group in
                for number in 0..<50 { group.addTask { try await client.send("echo", .int(Int64(number))) } }
                var sum: Int64 = 0
                for try await case .int(let value)? in group { sum += value }
                #expect(sum == 1225)
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("that gets no reply in time fails with timeout, and the next one works")
    func timeout() async throws {
        let gate = Gate()
        let routes = Self.echo + [slow(gate)]
        try await withServer(routes) { port, _ in
            let client = client(port)
            try await expect(client, "echo", 1, 1)
            let error = await Self.failure {
                _ = try await client.with { $0.timeout = .milliseconds(30) }.send("slow", 1)
            }
            #expect(error?.code == .timeout && error?.wasWritten == true)
            // The late reply is for nobody, and harms nobody.
            await gate.open()
            try await expect(client, "echo", 2, 2)
        }
    }

    @Test("has the client's timeout, which the command's beats, which the call's beats")
    func timeouts() async throws {
        try await ScriptedPeer.running({ _ in .silence }) { peer in
            let clock = ContinuousClock()
            func took(_ client: RookeryClient, _ command: Command, _ timeout: Duration?) async -> Duration {
                await clock.measure {
                    let error = await Self.failure {
                        try await client.with { $0.timeout = timeout }._request(command, Empty())
                    }
                    #expect(error?.code == .timeout)
                }
            }
            let patient = plainClient(peer.port, timeout: .seconds(60))
            let hasty = plainClient(peer.port, timeout: .milliseconds(20))
            let command = Command("c", pattern: "c", timeout: .milliseconds(20))
            #expect(await took(hasty, Command("c", pattern: "c"), nil) < .seconds(20))
            #expect(await took(patient, command, nil) < .seconds(20))
            #expect(
                await took(patient, Command("c", pattern: "c", timeout: .seconds(60)), .milliseconds(20)) < .seconds(20)
            )
            #expect(ClientConfiguration("test", instances: .list([])).timeout == .milliseconds(5000))
        }
    }

    @Test("that is cancelled is forgotten, and the connection stays")
    func cancellation() async throws {
        let gate = Gate()
        let routes = Self.echo + [slow(gate)]
        try await withServer(routes) { port, server in
            let client = client(port)
            let call = Task { try await client.with { $0.timeout = .seconds(60) }.send("slow", 1) }
            await gate.arrived(1)
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            await gate.open()
            try await expect(client, "echo", 2, 2)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("whose connection is lost fails at once and says that it was written; the next one connects again")
    func connectionLost() async throws {
        let connections = Mutex(0)
        try await ScriptedPeer.running({ _ in
            let number = connections.withLock { count in
                count += 1
                return count
            }
            return number == 1
                ? .writeAndClose([]) : .write(Array(#"44#{"response":"ok","isDisposed":true,"id":"1"}"#.utf8))
        }) { peer in
            let client = plainClient(peer.port)
            let error = await Self.failure { _ = try await client.with { $0.timeout = .seconds(60) }.send("a", 1) }
            #expect(error?.code == .connectionLost && error?.wasWritten == true)
            let reply = try await client.send("b", 1)
            #expect(reply == "ok")
        }
    }

    @Test("after close fails with closed")
    func closed() async throws {
        try await withServer(Self.echo) { port, _ in
            let client = client(port)
            try await expect(client, "echo", 1, 1)
            await client.close()
            #expect(await Self.failure { _ = try await client.send("echo", 1) }?.code == .closed)
        }
    }

    @Test("over the frame limit is refused before it is sent")
    func frameLimit() async throws {
        try await withServer(Self.echo) { port, _ in
            let client = client(port) { $0.frameLimit = 1000 }
            let large = JSONValue.string(String(repeating: "x", count: 1000))
            #expect(await Self.failure { _ = try await client.send("echo", large) }?.code == .invalidCall)
            try await expect(client, "echo", 1, 1)
            #expect(await Self.failure { _ = try await client.send("echo", large) }?.code == .invalidCall)
            try await expect(client, "echo", 2, 2)
        }
    }

    @Test("beyond the number allowed fails at once")
    func tooMany() async throws {
        let gate = Gate()
        let routes: [Route] = [
            slow(gate)
        ]
        try await withServer(routes) { port, _ in
            let client = client(port) { $0.pool.maximumPendingCalls = 2 }
            try await withThrowingTaskGroup(of: JSONValue?.self) { group in
                for number in 0..<2 {
                    group.addTask {
                        try await client.with { $0.timeout = .seconds(60) }.send("slow", .int(Int64(number)))
                    }
                }
                await gate.arrived(2)
                #expect(await Self.failure { _ = try await client.send("slow", 9) }?.code == .tooManyCalls)
                await gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test("from a handler leaves on the handler's loop, with its metadata and what is left of its time")
    func inheritance() async throws {
        let seen = Mutex<[String: String]>([:])
        let inner: [Route] = [
            .raw("inner") { value in
                seen.withLock { $0 = MessageContext.current?.metadata ?? [:] }
                return value
            }
        ]
        try await withServer(inner) { innerPort, _ in
            let onward = client(innerPort, on: .shared) { $0.sendsMetadata = true }
            try await withServer([.raw("outer") { try await onward.send("inner", $0 ?? .null) }]) { outerPort, _ in
                let client = client(outerPort) { $0.sendsMetadata = true }
                let context = MessageContext(pattern: "test", metadata: ["traceId": "t7"], peer: "test")
                let reply = try await MessageContext.with(context, context.metadata) {
                    try await client.with { $0.timeout = .seconds(30) }.send("outer", 1)
                }
                #expect(reply == 1)
            }
        }
        let metadata = seen.withLock { $0 }
        #expect(metadata["traceId"] == "t7")
        let left = try need(metadata[MetadataName.timeout].flatMap { Int($0) })
        #expect((1..<30_000).contains(left))
    }
}

@Suite("A stream over TCP")
struct StreamTests {
    @Test("ends with its values, with an error, or when its consumer leaves, which cancels the handler")
    func ends() async throws {
        let ended = Gate()
        let endless = Route(Command("endless", pattern: "endless", kind: .stream)) { _, sink in
            var count = 0
            do {
                while true {
                    await Task.yield()
                    count += 1
                    try await sink.value(count)
                }
            } catch {
                await ended.pass()
                throw error
            }
        }
        let three = Route.stream(Command("three", pattern: "three", kind: .stream)) { (_: Empty) in
            MessageStream<Int>([1, 2, 3])
        }
        await ended.open()
        try await withServer([endless, three]) { port, server in
            let client = client(port)
            var values: [Int] = []
            for try await value in try await client._stream(three.command, Empty(), as: Int.self) {
                values.append(value)
            }
            #expect(values == [1, 2, 3])

            for try await value in try await client._stream(endless.command, Empty(), as: Int.self) where value == 5 {
                break
            }
            await ended.arrived(1)
        }
    }

    @Test("that is silent for too long ends with a timeout")
    func silence() async throws {
        let silent = Route.stream(Command("silent", pattern: "silent", kind: .stream)) { (_: Empty) in
            MessageStream<Int>(unfolding: {
                try await untilCancelled()
                return nil
            })
        }
        try await withServer([silent]) { port, _ in
            let stream = try await client(port).with { $0.timeout = .milliseconds(30) }._stream(
                silent.command, Empty(), as: Int.self)
            let error = await #expect(throws: CallError.self) { for try await _ in stream {} }
            #expect(error?.code == .streamTimeout)
        }
    }

    @Test("of 100 000 values with a slow reader is not produced ahead of it, and loses none")
    func backPressure() async throws {
        let produced = Mutex(0)
        let text = String(repeating: "x", count: 1000)
        let many = Route.stream(Command("many", pattern: "many", kind: .stream)) { (_: Empty) in
            MessageStream<String>(unfolding: {
                let number = produced.withLock { produced in
                    produced += 1
                    return produced
                }
                return number <= 100_000 ? "\(number) \(text)" : nil
            })
        }
        try await withServer([many]) { port, _ in
            var received = 0
            for try await value in try await client(port)._stream(many.command, Empty(), as: String.self) {
                received += 1
                #expect(value.hasPrefix("\(received) "))
                // 100 MB in all; what lies between the two is a few MB of buffers.
                if received == 100 { #expect(produced.withLock { $0 } < 30_000) }
            }
            #expect(received == 100_000)
        }
    }
}
