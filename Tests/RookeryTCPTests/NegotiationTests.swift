import Foundation
import NIOConcurrencyHelpers
import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

@Message
private struct Secret: Hashable {
    @Sensitive var text: String
}

@Suite("Two Rookery peers")
struct NegotiationTests {
    private static let echo: [Route] = [.raw("echo") { $0 }]
    private static let large = JSONValue.array((0..<2000).map { ["id": .int($0), "status": "confirmed"] })

    private func text(_ body: String) -> String { "\(body.utf16.count)#\(body)" }

    @Test(
        "are one, when the other is plain: it sees a hello it has no handler for, and nothing else that is not Nest's")
    func plainPeer() async throws {
        let received = Mutex<[[UInt8]]>([])
        try await ScriptedPeer.running({ bytes in
            received.withLock { $0.append(bytes) }
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.contains("\"echo\"") else {
                let body = #"{"id":"2","status":"error","err":"\#(RemoteError.noHandlerText)"}"#
                return .write(Array(self.text(body).utf8))
            }
            let id = text.contains(#""id":"3"}"#) ? "3" : "1"
            return .write(Array(self.text(#"{"response":"ok","isDisposed":true,"id":"\#(id)"}"#).utf8))
        }) { peer in
            let client = client(peer.port) { $0.sendsMetadata = false }
            #expect(try await client.send("echo", 1) == "ok")
            #expect(try await client.send("echo", Self.large) == "ok")
            try await client.emit("happened", ["id": 1])
            // One more answer says that the event has arrived.
            _ = try? await client.with { $0.timeout = .milliseconds(50) }.send("x", 1)
        }
        let all = try #require(received.withLock { $0.last })
        let hello = Hello(
            serializers: ["json", "messagepack"], compressions: ["deflate"], frameLimit: FrameDecoder.defaultFrameLimit
        ).jsonValue.jsonText
        let expected =
            text(#"{"pattern":"$rookery.hello","data":\#(hello),"id":"2"}"#)
            + text(#"{"pattern":"echo","data":1,"id":"1"}"#)
            + text(#"{"pattern":"echo","data":\#(Self.large.jsonText),"id":"3"}"#)
            + text(#"{"pattern":"happened","data":{"id":1}}"#)
        #expect(String(decoding: all, as: UTF8.self).hasPrefix(expected))
        #expect(all.allSatisfy { $0 < 0x80 })
    }

    @Test("go on in text when the hello is not answered in time, streams too")
    func silentPeer() async throws {
        try await ScriptedPeer.running({ bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            // Only a stream has a connection without a hello.
            return text.contains(Hello.pattern)
                ? .silence : .write(Array(self.text(#"{"response":1,"isDisposed":true,"id":"1"}"#).utf8))
        }) { peer in
            let client = client(peer.port) { $0.connectTimeout = .milliseconds(100) }
            var values: [JSONValue?] = []
            for try await value in try await client.stream("p", 1) { values.append(value) }
            #expect(values == [1])
        }
    }

    @Test(
        "go on in text when one of them does not want frames", arguments: [(true, true), (true, false), (false, true)])
    func unwilling(_ server: Bool, _ wants: Bool) async throws {
        let trace = Route.raw("trace") { _ in
            JSONValue.object(["trace": MessageContext.current?.metadata["trace"].map { .string($0) } ?? .null])
        }
        try await withServer(Self.echo + [trace], { $0.negotiates = server }) { port, _ in
            let client = RookeryTCPTests.client(port) { $0.negotiates = wants }
            try await expect(client, "echo", Self.large, Self.large)
            try await expect(client, "echo", Self.large, Self.large)
            let context = MessageContext(pattern: "outer", metadata: ["trace": "ab"], peer: "test")
            try await MessageContext.with(context, context.metadata) {
                // Only frames carry metadata without being told to.
                try await expect(client, "trace", 1, ["trace": server && wants ? "ab" : nil])
            }
        }
    }

    /// Says hello by hand and gives the length of the answer, behind which binary frames come.
    private func hello(_ socket: inout RawSocket) async throws -> Int {
        let hello = Hello(serializers: ["json"], compressions: ["deflate"]).jsonValue.jsonText
        try await socket.write(text(#"{"pattern":"$rookery.hello","data":\#(hello),"id":"h"}"#))
        let start = String(decoding: try await socket.read(5), as: UTF8.self)
        let digits = try need(start.split(separator: "#").first)
        return try digits.count + 1 + need(Int(digits))
    }

    private func frame(_ header: BinaryHeader, _ payload: String) -> [UInt8] {
        var writer = ValueWriter()
        let start = writer.beginBinaryFrame()
        Array(payload.utf8).withUnsafeBytes { writer.append($0) }
        writer.endBinaryFrame(start, header)
        return writer.bytes
    }

    @Test("say so with a hello, and answer a binary frame with one, compressed when it is large")
    func byHand() async throws {
        let routes: [Route] = Self.echo + [.raw("large") { _ in Self.large }]
        try await withServer(routes) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                let start = try await hello(&socket)
                let answer = String(decoding: try await socket.read(start), as: UTF8.self)
                #expect(
                    answer.contains(#""patterns":["echo","large","$rookery.describe","$rookery.health"]"#)
                        && answer.contains(#""serializers":["json"]"#))
                try await socket.write(frame(BinaryHeader(.request, id: 77), #"{"a":1}"#))
                let reply = Array(try await socket.read(start + 24 + 7)[start...])
                #expect(reply[0] == 0x83 && reply[1] == 2 && reply[16] == 77)
                #expect(String(decoding: reply[24...], as: UTF8.self) == #"{"a":1}"#)
                var large = BinaryHeader(.request, id: 78)
                large.pattern = 1
                try await socket.write(frame(large, "1"))
                let header = Array(try await socket.read(start + 31 + 24)[(start + 31)...])
                #expect(header[1] == 3, "last, and compressed")
                // A pattern that is not in the table has no handler, and the connection goes on.
                var unknown = BinaryHeader(.request, id: 79)
                unknown.pattern = 99
                let length = Int(header[8]) + Int(header[9]) << 8 + Int(header[10]) << 16
                try await socket.write(frame(unknown, "1"))
                let at = start + 31 + 24 + length
                let refused = try await socket.read(at + 24)
                #expect(refused[at] == 0x85)
                try await socket.write(frame(BinaryHeader(.ping, id: 80), ""))
                let error = at + 24 + RemoteError.noHandlerText.utf8.count + 2
                let pong = try await socket.read(error + 24)
                #expect(pong[error] == 0x89)
            }
        }
    }

    @Test("have agreed before the first binary frame: one from a peer that never said hello ends the connection")
    func neverSaidHello() async throws {
        try await withServer(Self.echo) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                let good = text(#"{"pattern":"echo","data":1,"id":"1"}"#)
                try await socket.write(Array(good.utf8) + frame(BinaryHeader(.request, id: 1), "1") + Array(good.utf8))
                let answer = text(#"{"response":1,"isDisposed":true,"id":"1"}"#)
                let all = await socket.readToEnd()
                #expect(String(decoding: all, as: UTF8.self) == answer)
            }
        }
    }

    @Test("keep to what they agreed on: a second hello is refused, and what was not agreed on ends the connection")
    func secondHello() async throws {
        try await withServer(Self.echo) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                let both = Hello(serializers: ["json", "messagepack"], compressions: []).jsonValue.jsonText
                let one = Hello(serializers: ["json"], compressions: []).jsonValue.jsonText
                var request = BinaryHeader(.request, id: 5)
                request.serializer = 1
                // In one segment, so that the second hello comes before the handler's answer.
                let first = text(#"{"pattern":"$rookery.hello","data":\#(both),"id":"h"}"#)
                let second = text(#"{"pattern":"$rookery.hello","data":\#(one),"id":"h"}"#)
                try await socket.write(Array(first.utf8) + frame(request, "\u{01}") + Array(second.utf8))
                let start = String(decoding: try await socket.read(5), as: UTF8.self)
                let hello = try start.split(separator: "#")[0].count + 1 + need(Int(start.split(separator: "#")[0]))
                let refusal = Array(
                    self.text(#"{"id":"h","status":"error","err":"\#(RemoteError.noHandlerText)"}"#).utf8)
                let answers = try await socket.read(hello + refusal.count + 25)
                #expect(Array(answers[hello..<(hello + refusal.count)]) == refusal)
                #expect(answers[hello + refusal.count] == 0x83 && answers.last == 1)
                request.flags = .compressed
                try await socket.write(frame(request, "12345678"))
                let all = await socket.readToEnd()
                #expect(all.count == answers.count)
            }
        }
    }

    @Test("let no server send a stream faster than it is read: values beyond the credit end it")
    func beyondCredit() async throws {
        let values = (0..<10_000).flatMap { _ in frame(BinaryHeader(.value, id: 2), "1") }
        let hasSent = Mutex(false)
        try await ScriptedPeer.running({ bytes in
            let isPinged = bytes.contains(0x88)
            guard isPinged || bytes.contains(0x81) else {
                guard String(decoding: bytes, as: UTF8.self).contains(Hello.pattern) else { return .silence }
                let reply = HelloReply(
                    to: Hello(serializers: ["json"], compressions: []), name: "x", instance: "x", serializers: ["json"],
                    compressions: [], patterns: ["p"], frameLimit: 1000)
                return .write(
                    Array(self.text(#"{"response":\#(reply.jsonValue.jsonText),"isDisposed":true,"id":"1"}"#).utf8))
            }
            let unsent = hasSent.withLock { sent in
                defer { sent = true }
                return sent ? [] : values
            }
            return .write(unsent + (isPinged ? self.frame(BinaryHeader(.pong, id: 3), "") : []))
        }) { peer in
            let transport = RookeryTCPTests.transport(peer.port)
            let stream = try await RookeryClient(transport: transport).stream("p", 1)
            // Nobody reads; the pong says that every value has come.
            try await transport.ping(timeout: .seconds(20))
            var read = 0
            let error = await #expect(throws: CallError.self) {
                for try await _ in stream { read += 1 }
            }
            #expect(error?.code == .connectionLost && read < 1000)
        }
    }

    @Test("pass on what surrounds a call: its metadata, and the time that is left")
    func surroundings() async throws {
        let route = Route.raw("who") { _ in
            let context = MessageContext.current
            let left = context?.deadline?.remaining.milliseconds ?? 0
            return JSONValue.object([
                "trace": context?.metadata["trace"].map { .string($0) } ?? .null,
                "hasTime": .bool(left > 1000 && left <= 3000),
            ])
        }
        try await withServer([route]) { port, _ in
            let client = client(port)
            // The first call may be ahead of the hello's answer, and text carries no metadata unless it is told to.
            _ = try await client.send("who", 1)
            let context = MessageContext(pattern: "outer", metadata: ["trace": "ab"], peer: "test")
            let reply = try await MessageContext.with(context, context.metadata) {
                try await client.with { $0.timeout = .seconds(3) }.send("who", 1)
            }
            #expect(reply == ["trace": "ab", "hasTime": true])
        }
    }

    @Test("cancel at the server what nobody waits for any longer: a cancelled call, and one whose time is up")
    func cancel() async throws {
        let begun = Gate()
        let ended = Gate()
        let routes =
            Self.echo + [
                .raw("endless") { _ in
                    await begun.open()
                    do { try await untilCancelled() } catch { await ended.open() }
                    return nil
                }
            ]
        for isTimeout in [false, true] {
            try await withServer(routes) { port, _ in
                let client = client(port)
                _ = try await client.send("echo", 1)
                let call = Task {
                    try await client.with { $0.timeout = isTimeout ? .milliseconds(30) : .seconds(60) }.send(
                        "endless", 1)
                }
                await begun.pass()
                if !isTimeout { call.cancel() }
                await ended.pass()
                await #expect(throws: (any Error).self) { try await call.value }
                try await expect(client, "echo", 2, 2)
            }
        }
    }

    @Test("share one connection between calls and streams, and a slow reader holds up nobody")
    func sharedConnection() async throws {
        let produced = NIOLockedValueBox(0)
        let stream = Route.stream(Command("count", pattern: "count", kind: .stream)) { (_: Empty) in
            MessageStream<Int>(unfolding: {
                produced.withLockedValue { count in
                    count += 1
                    return count
                }
            })
        }
        try await withServer(Self.echo + [stream]) { port, server in
            let client = client(port)
            _ = try await client.send("echo", 0)
            let numbers = try await client._stream(
                Command("count", pattern: "count", kind: .stream), Empty(), as: Int.self)
            var expected = 1
            for try await number in numbers {
                #expect(number == expected)
                if expected == 5000 { break }
                if expected % 100 == 0 {
                    // Between the values, calls on the same connection are answered.
                    try await expect(client, "echo", .int(Int64(expected)), .int(Int64(expected)))
                    // What was produced is at most what credit and buffers hold ahead of the reader.
                    let ahead = produced.withLockedValue { $0 } - expected
                    #expect(ahead < 1000)
                }
                expected += 1
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("lose no call when the server stops: it says go away, and answers what it was sent")
    func goAway() async throws {
        let gate = Gate()
        let routes = Self.echo + [slow(gate)]
        let call = try await withServer(routes) { port, _ in
            let client = client(port)
            _ = try await client.send("echo", 1)
            let call = Task { try await client.with { $0.timeout = .seconds(60) }.send("slow", 7) }
            await gate.arrived(1)
            Task { await gate.open() }
            return call
        }
        #expect(try await call.value == 7)
    }

    @Test("do not compress a message whose type says no")
    func optOut() async throws {
        let secret = Secret(text: String(repeating: "a", count: 100_000))
        let route = Route.request(Command("secret", pattern: "secret")) { (secret: Secret) in secret }
        try await withServer([route]) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                let start = try await hello(&socket)
                try await socket.write(frame(BinaryHeader(.request, id: 1), secret.json))
                let reply = try await socket.read(start + 24)
                #expect(reply[start + 1] == 2, "last, not compressed")
            }
        }
    }

    @Test("answer a ping, and so does a plain peer")
    func ping() async throws {
        for negotiates in [true, false] {
            try await withServer(Self.echo, { $0.negotiates = negotiates }) { port, _ in
                let transport = RookeryTCPTests.transport(port)
                try await transport.ping()
                try await transport.ping()
                await transport.close()
            }
        }
        try await ScriptedPeer.running({ _ in .silence }) { peer in
            let transport = RookeryTCPTests.transport(peer.port)
            await #expect(throws: CallError.self) { try await transport.ping(timeout: .milliseconds(50)) }
        }
    }
}
