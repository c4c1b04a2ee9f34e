import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

@Suite("A reply over the limit of its receiver", .timeLimit(.minutes(1)))
struct ReplyLimitTests {
    private static let routes: [Route] = [
        .raw("echo") { $0 },
        .raw("big") { size in String(repeating: "x", count: size?.intValue ?? 0) },
        .stream(Command("values", pattern: "values", kind: .stream)) { (sizes: [Int]) in
            MessageStream(sizes.map { String(repeating: "x", count: $0) })
        },
    ]

    private static func code(_ body: () async throws -> Void) async -> RemoteError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? RemoteError)?.code
        }
    }

    @Test("is an error of that one call, for a plain client by the server's own limit")
    func plain() async throws {
        try await withServer(Self.routes, { $0.limits.frame = 10_000 }) { port, server in
            let client = plainClient(port)
            #expect(await Self.code { _ = try await client.send("big", 20_000) } == .replyTooLarge)
            try await expect(client, "echo", 1, 1)
            #expect(server.connectionCount == 1)
            // The answer is one that a Nest client takes for an error, whatever its version.
            try await NestSocket.connected(to: port) { socket in
                socket.write([("1", "big", 20_000), ("2", "echo", 2)])
                let answers = await socket.answers(to: ["1", "2"])
                guard case .failure(let error)? = answers["1"]?.first else {
                    Issue.record("not an error: \(answers)")
                    return
                }
                #expect(error["code"] == "REPLY_TOO_LARGE" && error["details"]?["limit"] == 10_000)
                #expect(answers["2"] == [.value(2, isLast: true)])
            }
        }
    }

    @Test("is an error of that one call, for a client that told its limit in the hello")
    func negotiated() async throws {
        try await withServer(Self.routes) { port, server in
            let client = client(port) { $0.frameLimit = 10_000 }
            try await expect(client, "echo", 1, 1)
            #expect(await Self.code { _ = try await client.send("big", 20_000) } == .replyTooLarge)
            #expect(await Self.code { _ = try await client.send("big", 9000) } == nil)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("ends a stream with an error after the values that fit", arguments: [true, false])
    func streams(_ negotiates: Bool) async throws {
        try await withServer(Self.routes, { $0.limits.frame = 10_000 }) { port, _ in
            let client = client(port) { $0.negotiates = negotiates }
            try await expect(client, "echo", 1, 1)
            var read = 0
            let code = await Self.code {
                for try await _ in try await client.stream("values", [10, 20, 20_000, 30]) { read += 1 }
            }
            #expect(code == .replyTooLarge && read == 2)
        }
    }

    @Test("from a server that does not mind is passed over by the client, and its other calls live")
    func foreignServer() async throws {
        let large = #"{"response":""# + String(repeating: "ž", count: 30_000) + #"","isDisposed":true,"id":"1"}"#
        let small = #"{"response":"ok","isDisposed":true,"id":"2"}"#
        let answer = [large, small].map { "\($0.utf16.count)#\($0)" }.joined()
        try await ScriptedPeer.running({ bytes in
            // Both calls have come.
            bytes.count { $0 == UInt8(ascii: "#") } < 2 ? .silence : .write(Array(answer.utf8))
        }) { peer in
            let client = client(peer.port) {
                $0.negotiates = false
                $0.frameLimit = 10_000
            }
            async let first = Self.code { _ = try await client.with { $0.timeout = .seconds(30) }.send("a", 1) }
            async let second = Self.code { _ = try await client.with { $0.timeout = .seconds(30) }.send("b", 2) }
            let codes = await [first, second]
            #expect(codes.contains(.replyTooLarge) && codes.contains(nil))
        }
    }

    @Test("of which nobody can say whose it is, or that is far over the limit, ends the connection")
    func hopeless() async throws {
        for (declared, tail) in [(60_000, #""other":1}"#), (1_000_000, #""id":"1"}"#)] {
            let body = #"{"response":""# + String(repeating: "x", count: declared) + "\"," + tail
            try await ScriptedPeer.running({ _ in .write(Array("\(body.utf8.count)#\(body)".utf8)) }) { peer in
                let client = client(peer.port) {
                    $0.negotiates = false
                    $0.frameLimit = 10_000
                }
                let error = await #expect(throws: CallError.self) { try await client.send("a", 1) }
                #expect(error?.code == .connectionLost)
            }
        }
    }

    @Test("counts as answered, and is not asked for again")
    func classified() async throws {
        let error = RemoteError(.replyTooLarge, "too large")
        #expect(FailedAttempt(error).result == .answered && FailedAttempt(error).failure == .final)
        let asked = Mutex(0)
        let route = Route.request(Command("big", pattern: "big", idempotency: .safe)) { (_: Int) -> String in
            asked.withLock { $0 += 1 }
            return String(repeating: "x", count: 20_000)
        }
        try await withServer([route], { $0.limits.frame = 10_000 }) { port, _ in
            let destination = try RookeryTCPTests.destination("big", [port])
            let client = RookeryClient(destination)
            for _ in 0..<50 {
                let code = await Self.code { _ = try await client.send("big", 1, idempotency: .safe) }
                #expect(code == .replyTooLarge)
            }
            #expect(asked.withLock { $0 } == 50)
            #expect(destination.status.isAvailable && !destination.status.instances[0].isEjected)
            await destination.close()
        }
    }
}
