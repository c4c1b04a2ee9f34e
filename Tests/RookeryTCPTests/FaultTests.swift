import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

@Suite("Through a bad network", .serialized, .timeLimit(.minutes(3)))
struct FaultTests {
    private static let callers = 64
    private static let deadline: Duration = .milliseconds(400)

    private static let read = Command("read", pattern: Pattern(cmd: "read"), idempotency: .safe)

    /// A server that answers after an instant, so that calls are in flight.
    private static let routes = [
        Route.request(read) { (value: Int) async throws -> Int in
            await Task.yield()
            return value
        }
    ]

    private static func destination(_ port: Int, negotiates: Bool) throws -> Destination {
        try RookeryTCPTests.destination("bad", [port]) {
            $0.connectTimeout = .milliseconds(200)
            $0.reconnect.base = .milliseconds(20)
            $0.reconnect.maximum = .milliseconds(100)
            $0.breaker.openDuration = .milliseconds(50)
            $0.retry.attemptTimeout = .milliseconds(150)
            $0.negotiates = negotiates
            $0.sendsMetadata = true
        }
    }

    @Test(
        "no caller outlives its deadline, none hangs, and every place is given back",
        arguments: [
            "delay=30ms", "delay=1s", "drop=0.05", "slice=1", "slice=16", "half-close=700", "reset=700", "stall=700",
            "corrupt=0.05",
            "bandwidth=20000",
        ], [true, false])
    func deadlines(_ text: String, _ negotiates: Bool) async throws {
        let fault = try need(Fault(text))
        try await withServer(Self.routes) { port, server in
            try await FaultProxy.running(to: port, [fault]) { proxy in
                let destination = try Self.destination(proxy.port, negotiates: negotiates)
                let client = RookeryClient(destination)
                let latest = Shared(Duration.zero)
                let answered = Shared(0)
                await withTaskGroup(of: Void.self) { group in
                    for caller in 0..<Self.callers {
                        group.addTask {
                            for round in 0..<4 {
                                let number = caller * 100 + round
                                let began = ContinuousClock.now
                                do {
                                    let reply: Int = try await client.with { $0.timeout = Self.deadline }._request(
                                        Self.read, number)
                                    // A changed bit may be in the number itself; no other fault makes a wrong answer.
                                    if !text.hasPrefix("corrupt") { #expect(reply == number) }
                                    answered.change { $0 += 1 }
                                } catch is CallError {
                                    // What a bad network is expected to cause.
                                } catch is RemoteError {
                                    // A changed bit may make a pattern that nobody serves, or a message that does not fit.
                                    if !text.hasPrefix("corrupt") { Issue.record("\(text): an answer of the service") }
                                } catch {
                                    Issue.record("\(text): \(error)")
                                }
                                let took = began.duration(to: .now)
                                latest.change { $0 = max($0, took) }
                            }
                        }
                    }
                }
                // How late a loaded machine may be; what has no deadline hangs in a stall, or takes the default of 5 s.
                #expect(latest.value < Self.deadline + .seconds(2), "\(text), of \(negotiates)")
                if ["delay=30ms", "slice=16"].contains(text) {
                    #expect(answered.value == Self.callers * 4, "\(text) loses nothing")
                }
                #expect(destination.gauges == (0, 0, 0), "\(text): a place was kept")
                await client.close()
            }
            // What a lost connection left behind ends too.
            try await eventually { server.messagesInFlight == 0 }
        }
    }

    @Test("messages arrive whole, whatever pieces they come in", arguments: [true, false])
    func slices(_ negotiates: Bool) async throws {
        try await withServer(Self.routes) { port, _ in
            try await FaultProxy.running(to: port, [.slice(1)]) { proxy in
                let client = RookeryClient(try Self.destination(proxy.port, negotiates: negotiates))
                for number in 0..<20 {
                    let reply: Int = try await client._request(Self.read, number)
                    #expect(reply == number)
                }
            }
        }
    }

    @Test("a network that has become good again is used again")
    func recovers() async throws {
        try await withServer(Self.routes) { port, _ in
            try await FaultProxy.running(to: port, [.stall(after: 0)]) { proxy in
                let client = RookeryClient(try Self.destination(proxy.port, negotiates: true))
                for _ in 0..<5 {
                    let reply: Int? = try? await client.with { $0.timeout = .milliseconds(50) }._request(Self.read, 1)
                    #expect(reply == nil)
                }
                proxy.faults = []
                proxy.resetAll()
                var reply: Int?
                while reply == nil {
                    reply = try? await client.with { $0.timeout = .milliseconds(100) }._request(Self.read, 7)
                }
                #expect(reply == 7)
            }
        }
    }

    /// Calls the next tier, whose breaker and ejection are off: they would keep the load off altogether.
    private static func tier(calling next: Int) throws -> Route {
        let destination = try RookeryTCPTests.destination("tier", [next]) {
            $0.breaker.mode = .off
            $0.ejection.mode = .off
            $0.negotiates = false
        }
        let client = RookeryClient(destination)
        return .raw("work") { value in try await client.send("work", value ?? .null, idempotency: .safe) }
    }

    /// Puts 3000 calls on three tiers above a dead one; what arrives there may be a fifth more, and the reserve.
    private func storm(on last: Int, arrived: () -> Int) async throws {
        let calls = 3000
        try await withServer([Self.tier(calling: last)]) { third, _ in
            try await withServer([Self.tier(calling: third)]) { second, _ in
                let first = try Self.tier(calling: second)
                let began = ContinuousClock.now
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            // Every one of them fails.
                            for _ in 0..<(calls / 50) { try? await first.body(.absent, DiscardingSink.shared) }
                        }
                    }
                }
                // Ten a second, and what ten seconds of it had gathered before.
                let reserve = 100 + 10 * (began.duration(to: .now) / .seconds(1))
                #expect(Double(arrived()) <= 1.2 * Double(calls) + reserve + 1, "\(arrived()) for \(calls) calls")
                #expect(arrived() >= calls / 100)
            }
        }
    }

    @Test("retries of four tiers, the last of them overloaded, stay within a fifth and the reserve")
    func overloadedTier() async throws {
        let arrived = Shared(0)
        let dead = Route.raw("work") { _ in
            arrived.change { $0 += 1 }
            throw RemoteError(.overloaded, "dead", details: ["retryAfterMs": 0])
        }
        try await withServer([dead]) { last, _ in try await storm(on: last) { arrived.value } }
    }

    @Test("retries of four tiers, the last of them hanging up on everybody, stay within a fifth and the reserve")
    func dyingTier() async throws {
        let arrived = Shared(0)
        try await ScriptedPeer.running({ bytes in
            let calls = String(decoding: bytes, as: UTF8.self).split(separator: "\"pattern\":\"work\"").count - 1
            arrived.change { $0 += calls }
            return .writeAndClose([])
        }) { peer in
            try await storm(on: peer.port) { arrived.value }
        }
    }
}

@Suite("Instances", .serialized, .timeLimit(.minutes(1)))
struct InstancesTests {
    @Test("are called in turn, and one that is restarted gracefully loses no call")
    func rolling() async throws {
        let route = Route.raw("echo") { value in
            await Task.yield()
            return value
        }
        func server(_ port: Int) throws -> RookeryServer {
            var configuration = ServerConfiguration(port: port)
            configuration.drainTimeout = .seconds(5)
            return try RookeryServer(configuration, routes: [route], logger: quiet)
        }
        /// Runs a server until told to stop; says its port.
        func start(_ port: Int) async throws -> (Int, Task<Void, any Error>) {
            let server = try server(port)
            let task = Task { try await server.run() }
            return (try need(try await server.boundAddress.port), task)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var (first, firstTask) = try await start(0)
            let (second, secondTask) = try await start(0)
            let destination = try RookeryTCPTests.destination("echo", [first, second])
            let client = RookeryClient(destination)
            let isDone = Shared(false)
            let answered = Shared(0)
            for caller in 0..<16 {
                group.addTask {
                    while !isDone.value {
                        // Not even declared safe: a graceful stop leaves nothing that may have run.
                        try await expect(client, "echo", .int(Int64(caller)), .int(Int64(caller)))
                        answered.change { $0 += 1 }
                    }
                }
            }
            for _ in 0..<5 {
                let before = answered.value
                try await eventually { answered.value >= before + 200 }
                firstTask.cancel()
                _ = await firstTask.result
                (first, firstTask) = try await start(first)
            }
            isDone.change { $0 = true }
            try await group.waitForAll()
            #expect(answered.value > 1000)
            for task in [firstTask, secondTask] {
                task.cancel()
                _ = await task.result
            }
            await client.close()
        }
    }

    @Test("of a name are all its addresses, resolved again when one is lost")
    func names() async throws {
        let answers = Mutex([["10.0.0.2", "10.0.0.1"], [], ["10.0.0.3"]])
        let slept = Mutex(0)
        let environment = CallEnvironment(sleep: { _ in
            try Task.checkCancellation()
            slept.withLock { $0 += 1 }
        })
        let discovery = DNSDiscovery(host: "booking", port: 4002, environment: environment, logger: quiet) { _ in
            try answers.withLock { answers in
                if answers.isEmpty { throw CancellationError() }
                let answer = answers.removeFirst()
                if answer.isEmpty { throw DNSDiscovery.Unresolved(description: "no answer") }
                return answer
            }
        }
        var lists: [[String]] = []
        do {
            try await discovery.watch { lists.append($0.map { "\($0)" }) }
        } catch is CancellationError {}
        #expect(lists == [["10.0.0.1:4002", "10.0.0.2:4002"], ["10.0.0.3:4002"]])
        #expect(try await DNSDiscovery.system("localhost").contains("127.0.0.1"))
    }

    @Test("are said as a list, a file, or a name")
    func sources() {
        #expect(InstanceSource("a:1,b:2") == .list([Instance(host: "a", port: 1), Instance(host: "b", port: 2)]))
        #expect(InstanceSource("file:/etc/booking") == .file("/etc/booking"))
        #expect(InstanceSource("dns:booking.local:4002") == .dns(host: "booking.local", port: 4002))
        for text in ["", "a", "a:1,", "file:", "dns:x", "a:1 b:2"] { #expect(InstanceSource(text) == nil, "\(text)") }
    }
}
