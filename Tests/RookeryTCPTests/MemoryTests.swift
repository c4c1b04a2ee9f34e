import NIOCore
import Rookery
import RookeryTCP
import RookeryTesting
import Synchronization
import Testing
import Tracing

private func packet(_ pattern: String, _ id: String, _ data: String) -> String {
    let body = "{\"pattern\":\(pattern),\"data\":\(data),\"id\":\"\(id)\"}"
    return "\(body.utf16.count)#\(body)"
}

private func request(_ pattern: String, _ id: Int, _ data: String = "1") -> String {
    packet("\"\(pattern)\"", "\(id)", data)
}

@Suite("A server's memory", .timeLimit(.minutes(2)))
struct MemoryTests {
    private static let echo: [Route] = [.raw("echo") { $0 }]

    // MARK: Peers that read nothing while they write

    @Test(
        "has room for what a peer writes before it reads, as Nest 11.2.5 and later do",
        arguments: [(40, 1_000_000), (200, 100_000)])
    func nest12(_ count: Int, _ size: Int) async throws {
        try await withServer(Self.echo) { port, _ in
            try await NestSocket.connected(to: port) { socket in
                let data = JSONValue.string(String(repeating: "x", count: size))
                let ids = (0..<count).map { "i\($0)" }
                socket.write(ids.map { ($0, "echo", data) })
                let answers = await socket.answers(to: ids)
                for id in ids { #expect(answers[id] == [.value(data, isLast: true)]) }
            }
        }
    }

    @Test("that has no more room makes a refusal of each further request, never a silent wait")
    func refusals() async throws {
        let change: (inout ServerConfiguration) -> Void = {
            $0.limits.frame = 100_000
            $0.limits.connectionMemory = 1_000_000
            $0.limits.unsentPause = 100_000
        }
        try await withServer(Self.echo, change) { port, _ in
            try await NestSocket.connected(to: port) { socket in
                // More than the memory, and more than what kernels keep on loopback.
                let data = JSONValue.string(String(repeating: "x", count: 90_000))
                let ids = (0..<300).map { "i\($0)" }
                socket.write(ids.map { ($0, "echo", data) })
                let answers = await socket.answers(to: ids)
                var answered = 0
                for id in ids {
                    switch answers[id]?.first {
                    case .value(data, isLast: true): answered += 1
                    case .failure(let error): #expect(error["code"] == "OVERLOADED")
                    default: Issue.record("\(id) has no answer")
                    }
                }
                #expect(answered > 5 && answered < 300, "\(answered)")
            }
        }
    }

    @Test("of a peer that is of the new kind is not waited for by our client either")
    func nestServer() async throws {
        try await NestSocket.serving({ $0 }) { port in
            let client = plainClient(port, timeout: .seconds(60))
            let data = JSONValue.string(String(repeating: "x", count: 1_000_000))
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<12 { group.addTask { try await client.send("echo", data) == data } }
                for try await isSame in group { #expect(isSame) }
            }
        }
    }

    @Test("holds no more replies than a peer takes: handlers wait, those of one burst too")
    func pipelined() async throws {
        let handled = Mutex(0)
        let big: Route = .raw("big") { _ in
            handled.withLock { $0 += 1 }
            return String(repeating: "x", count: 2_000_000)
        }
        try await withServer([big] + Self.echo) { port, server in
            try await RawSocket.connected(to: port) { socket in
                try await socket.write((0..<64).map { request("big", $0) }.joined())
                // The answer on another connection comes when the first one has been looked at.
                try await expect(client(port), "echo", 1, 1)
                let count = handled.withLock { $0 }
                #expect(count < 10, "\(count) of 64 replies were made for a peer that reads nothing")
                #expect(server.memoryInUse < 20_000_000)
                // When it reads it gets all of them.
                let wanted = 64 * 2_000_000
                let all = try await socket.read(wanted)
                #expect(all.count >= wanted)
            }
            #expect(handled.withLock { $0 } == 64)
        }
    }

    @Test("holds no more replies than a peer takes, also of handlers that waited")
    func pipelinedLater() async throws {
        let gate = Gate()
        let big: Route = .raw("big") { _ in
            await gate.pass()
            return String(repeating: "x", count: 1_000_000)
        }
        try await withServer([big] + Self.echo) { port, server in
            try await RawSocket.connected(to: port) { socket in
                try await socket.write((0..<64).map { request("big", $0) }.joined())
                await gate.arrived(64)
                await gate.open()
                try await expect(client(port), "echo", 1, 1)
                #expect(server.memoryInUse < 20_000_000)
                let all = try await socket.read(64 * 1_000_000)
                #expect(all.count >= 64 * 1_000_000)
            }
        }
    }

    // MARK: Budgets

    @Test("is bounded over all connections, partial frames included, and a small call always fits")
    func partialFrames() async throws {
        let change: (inout ServerConfiguration) -> Void = { $0.limits.memory = 20_000_000 }
        try await withServer(Self.echo, change) { port, server in
            let part = "7000100#{\"pattern\":\"echo\",\"data\":\"" + String(repeating: "x", count: 6_900_000)
            let rest = String(repeating: "x", count: 200_000)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                let held = Gate()
                for number in 0..<20 {
                    group.addTask {
                        // From two peers; the small call comes from a third.
                        try await RawSocket.connected(to: port, from: "127.0.0.\(2 + number % 2)") { socket in
                            try await socket.write(part)
                            await held.pass()
                            // 7 000 100 units in all, the id last.
                            let tail = "\",\"id\":\"p\(number)\"}"
                            let missing = 7_000_100 - (part.utf8.count - 8) - tail.utf8.count
                            try await socket.write(rest.prefix(missing) + tail)
                            let answer = String(decoding: try await socket.read(30), as: UTF8.self)
                            return answer.contains("OVERLOADED") || answer.hasPrefix("1")
                                || answer.contains("#{\"err\"")
                        }
                    }
                }
                await held.arrived(20)
                #expect(server.memoryInUse <= 20_000_000)
                try await expect(client(port), "echo", 1, 1)
                await held.open()
                for try await isAnswered in group { #expect(isAnswered) }
            }
            try await eventually { server.memoryInUse == 0 }
        }
    }

    @Test("counts whole packets, metadata and pattern included, until they are done with")
    func wholePackets() async throws {
        let gate = Gate()
        try await withServer([slow(gate)]) { port, server in
            try await RawSocket.connected(to: port) { socket in
                let padding = String(repeating: "y", count: 10_000)
                let body = "{\"pattern\":\"slow\",\"data\":1,\"other\":\"\(padding)\",\"id\":\"1\"}"
                try await socket.write("\(body.utf8.count)#\(body)")
                await gate.arrived(1)
                #expect(server.memoryInUse >= 10_000)
                await gate.open()
                _ = try await socket.read(40)
            }
            try await eventually { server.memoryInUse == 0 }
        }
    }

    @Test("is shared by dynamic thresholds: one alone may take half, and many leave room for a newcomer")
    func thresholds() {
        let unit = MemoryBudget.floor
        let budget = MemoryBudget(limit: 1000 * unit)
        #expect(budget.allows(1000 * unit, held: 0, peerHeld: 0) && !budget.allows(1001 * unit, held: 0, peerHeld: 0))
        budget.add(500 * unit)
        #expect(!budget.allows(unit, held: 500 * unit, peerHeld: 500 * unit))
        // Another peer may take half of what is left, and so on; a hundred greedy ones leave each a hundredth.
        var held = Array(repeating: 0, count: 100)
        budget.add(-500 * unit)
        for _ in 0..<1000 {
            for at in held.indices where budget.allows(unit, held: held[at], peerHeld: held[at]) {
                held[at] += unit
                budget.add(unit)
            }
        }
        #expect(budget.used < 1000 * unit && budget.allows(unit, held: 0, peerHeld: 0))
        // What a peer's other connections hold counts as well, but for a little that each connection may always have.
        #expect(!budget.allows(unit, held: unit, peerHeld: 500 * unit))
        #expect(budget.allows(unit, held: 0, peerHeld: 500 * unit))
    }

    // MARK: What is looked at before a peer is known

    @Test("is not spent on patterns, hellos and metadata of megabytes, and each gets its answer")
    func large() async throws {
        try await withServer(Self.echo) { port, server in
            let megabytes = 4_000_000
            let deep = String(repeating: "{\"a\":", count: 20_000) + "1" + String(repeating: "}", count: 20_000)
            let members = "{" + (0..<200_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
            for pattern in ["\"" + String(repeating: "x", count: megabytes) + "\"", deep, members] {
                let answer = try await RawSocket.connected(to: port) { socket in
                    try await socket.write(packet(pattern, "1", "1"))
                    return try await socket.read(102)
                }
                #expect(String(decoding: answer, as: UTF8.self).contains(RemoteError.noHandlerText))
            }
            let hello = #"{"version":1,"serializers":["json"],"x":""# + String(repeating: "x", count: 20_000) + "\"}"
            let refused = try await RawSocket.connected(to: port) { socket in
                try await socket.write(packet("\"$rookery.hello\"", "1", hello))
                return try await socket.read(102)
            }
            #expect(String(decoding: refused, as: UTF8.self).contains(RemoteError.noHandlerText))
            let metadata = "{\"a\":\"" + String(repeating: "x", count: 17_000) + "\"}"
            let body = #"{"pattern":"echo","data":1,"metadata":\#(metadata),"id":"1"}"#
            let invalid = try await RawSocket.connected(to: port) { socket in
                try await socket.write("\(body.utf8.count)#\(body)")
                return try await socket.read(150)
            }
            let text = String(decoding: invalid, as: UTF8.self)
            #expect(text.contains("INVALID_PAYLOAD") && text.contains("\"path\":\"metadata\""))
        }
    }

    @Test("takes any JSON for metadata, in every place")
    func metadata() async throws {
        let who: Route = .raw("who") { _ in
            JSONValue.object(["id": .string(ServiceContext.current?.traceID ?? "none")])
        }
        try await withServer([who]) { port, _ in
            for (metadata, id) in [
                (#"{"x-request-id":"r1"}"#, "r1"), (#"{"x-request-id":7}"#, "none"), ("null", "none"),
                ("\"t\"", "none"),
                (#"["a",{"x-request-id":"r1"}]"#, "none"), (#"{"a":{"b":[1,null]},"x-request-id":"r2"}"#, "r2"),
                ("false", "none"), ("{}", "none"), ("1e999", "none"),
            ] {
                let members = [#""pattern":"who""#, #""data":1"#, #""id":"1""#]
                for place in 0...3 {
                    var all = members
                    all.insert("\"metadata\":\(metadata)", at: place)
                    let body = "{\(all.joined(separator: ","))}"
                    let expected = #"{"response":{"id":"\#(id)"},"isDisposed":true,"id":"1"}"#
                    let answer = try await RawSocket.connected(to: port) { socket in
                        try await socket.write("\(body.utf8.count)#\(body)")
                        return try await socket.read(expected.utf8.count + 3)
                    }
                    #expect(String(decoding: answer, as: UTF8.self).hasSuffix(expected), "\(body)")
                }
            }
        }
    }

    @Test("of metadata that is read once, and is the same context however often it is asked for")
    func contextOnce() async throws {
        let same: Route = .raw("same") { _ in
            let first = MessageContext.current
            await Task.yield()
            return JSONValue.bool(first != nil && first === MessageContext.current)
        }
        try await withServer([same]) { port, _ in
            try await expect(client(port), "same", 1, true)
            try await expect(plainClient(port), "same", 1, true)
        }
    }
}

/// Waits for something that has been caused and is about to be.
func eventually(
    _ condition: @Sendable () -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while !condition(), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
    #expect(condition(), sourceLocation: sourceLocation)
}
