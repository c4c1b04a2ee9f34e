import Foundation
import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

private func request(_ pattern: String, _ id: Int, data: String = "1") -> String {
    let body = "{\"pattern\":\"\(pattern)\",\"data\":\(data),\"id\":\"\(id)\"}"
    return "\(body.utf16.count)#\(body)"
}

@Suite("A server limits what peers ask of it")
struct LimitTests {
    private static let echo: [Route] = [.raw("echo") { $0 }]

    @Test("frames over the limit end the connection, after the good ones before them")
    func frameLimit() async throws {
        try await withServer(Self.echo, { $0.limits.frame = 200 }) { port, _ in
            let received = try await RawSocket.connected(to: port) { socket in
                try await socket.write(request("echo", 1) + "201#{")
                return await socket.readToEnd()
            }
            #expect(String(decoding: received, as: UTF8.self) == #"41#{"response":1,"isDisposed":true,"id":"1"}"#)
        }
    }

    @Test("requests over the number in flight are answered OVERLOADED, and none is lost")
    func inFlight() async throws {
        let gate = Gate()
        let routes = Self.echo + [slow(gate)]
        try await withServer(routes, { $0.limits.inFlight = 4 }) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                try await socket.write((1...4).map { request("slow", $0) }.joined() + request("echo", 5))
                let refused = try await socket.read(150)
                let text = String(decoding: refused, as: UTF8.self)
                #expect(text.contains("\"OVERLOADED\"") && text.contains("\"retryAfterMs\":1000"))
                #expect(text.hasSuffix("\"id\":\"5\"}"))
                await gate.open()
                let all = try await socket.read(refused.count + 4 * 44)
                #expect(String(decoding: all, as: UTF8.self).components(separatedBy: "\"response\":1").count == 5)
            }
        }
    }

    @Test("connections over the number allowed to a peer are closed as they come, and another peer's are not")
    func connections() async throws {
        try await withServer(Self.echo, { $0.limits.connectionsPerPeer = 1 }) { port, _ in
            try await RawSocket.connected(to: port) { first in
                try await first.write(request("echo", 1))
                _ = try await first.read(44)
                let refused = try await RawSocket.connected(to: port) { second in await second.readToEnd() }
                #expect(refused.isEmpty)
                let other = try await RawSocket.connected(to: port, from: "127.0.0.2") { second in
                    try await second.write(request("echo", 1))
                    return try await second.read(44)
                }
                #expect(other.count == 44)
                try await first.write(request("echo", 2))
                #expect(try await first.read(88).count == 88)
            }
        }
    }

    @Test("a frame that does not end in time ends the connection")
    func incompleteFrame() async throws {
        try await withServer(Self.echo, { $0.limits.incompleteFrame = .milliseconds(50) }) { port, _ in
            let received = try await RawSocket.connected(to: port) { socket in
                try await socket.write("50#{\"pattern\"")
                return await socket.readToEnd()
            }
            #expect(received.isEmpty)
        }
    }

    @Test("a preferred serializer that there is not is named, at a server and at a client")
    func unknownSerializer() throws {
        let choices = [
            SerializerChoice(preferred: "mesagepack"), SerializerChoice(byPattern: ["echo": "mesagepack"]),
        ]
        for (choice, key) in zip(choices, ["preferred", "byPattern"]) {
            var server = ServerConfiguration()
            server.serializers = choice
            var client = ClientConfiguration(host: "127.0.0.1", port: 1)
            client.serializers = choice
            let text = "serializers.\(key) must be one of json, messagepack, not mesagepack"
            let errors = [
                #expect(throws: InvalidSetting.self) { try RookeryServer(server) },
                #expect(throws: InvalidSetting.self) { try RookeryClient(client) },
            ]
            for error in errors { #expect(error?.description == text) }
        }
    }

    @Test("settings that cannot work are named")
    func validation() {
        var configuration = ServerConfiguration(port: 70_000)
        #expect(throws: InvalidSetting.self) { try configuration.validate() }
        configuration.port = 0
        configuration.limits.memory = 1
        let error = #expect(throws: InvalidSetting.self) { try configuration.validate() }
        #expect(error?.description.contains("limits.memory") == true)
    }
}

@Suite("A server")
struct ServerTests {
    @Test("handles the requests of a connection at the same time and answers them as they are done")
    func concurrency() async throws {
        let gate = Gate()
        let routes: [Route] = [
            slow(gate),
            .raw("fast") { value in
                await gate.open()
                return value
            },
        ]
        try await withServer(routes) { port, _ in
            let received = try await RawSocket.connected(to: port) { socket in
                try await socket.write(request("slow", 1) + request("fast", 2))
                return try await socket.read(88)
            }
            #expect(
                String(decoding: received, as: UTF8.self)
                    == #"41#{"response":1,"isDisposed":true,"id":"2"}41#{"response":1,"isDisposed":true,"id":"1"}"#)
        }
    }

    @Test("sends a large reply to its end, also when its peer has half-closed")
    func largeLastReply() async throws {
        let routes: [Route] = [.raw("big") { _ in String(repeating: "x", count: 6_000_000) }]
        try await withServer(routes) { port, _ in
            let received = try await RawSocket.connected(to: port) { socket in
                try await socket.write(request("big", 1))
                socket.finish()
                return await socket.readToEnd()
            }
            #expect(received.count > 6_000_000 && received.suffix(2).elementsEqual("\"}".utf8))
        }
    }

    @Test("that is stopped finishes what is in flight, and takes no new connections")
    func gracefulStop() async throws {
        let gate = Gate()
        let routes: [Route] = [
            slow(gate)
        ]
        let server = try RookeryServer(ServerConfiguration(port: 0), routes: routes, logger: quiet)
        let run = Task { try await server.run() }
        let port = try need(try await server.boundAddress.port)
        let client = client(port)
        let call = Task { try await client.send("slow", 7) }
        await gate.arrived(1)
        run.cancel()
        // The listener is gone while the call is still under way.
        try await eventually {
            do {
                _ = try await RookeryClient(host: "127.0.0.1", port: port).with { $0.timeout = .milliseconds(20) }.send(
                    "slow", 1)
                return false
            } catch {
                return (error as? CallError)?.code == .cannotConnect
            }
        }
        await gate.open()
        #expect(try await call.value == 7)
        try await run.value
        #expect(server.connectionCount == 0)
    }

    @Test("whose port is taken says which")
    func portTaken() async throws {
        try await withServer([]) { port, _ in
            let second = try RookeryServer(ServerConfiguration(port: port), routes: [], logger: quiet)
            let error = await #expect(throws: CannotListen.self) { try await second.run() }
            #expect(error?.port == port)
        }
    }

    @Test("cancels the handlers of a connection that is lost")
    func lostConnection() async throws {
        let started = Gate()
        let cancelled = Gate()
        let routes: [Route] = [
            .raw("endless") { _ in
                await started.pass()
                do {
                    try await untilCancelled()
                } catch {
                    await cancelled.pass()
                }
                return nil
            }
        ]
        await started.open()
        await cancelled.open()
        try await withServer(routes, { $0.drainTimeout = .milliseconds(50) }) { port, _ in
            try await RawSocket.connected(to: port) { socket in
                try await socket.write(request("endless", 1))
                await started.arrived(1)
            }
            await cancelled.arrived(1)
        }
    }

    @Test("runs interceptors around its handlers, outermost first")
    func interceptors() async throws {
        struct Note: Interceptor {
            let name: String
            let log: @Sendable (String) -> Void
            func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
                log("\(name) before \(call.command.pattern)")
                defer { log("\(name) after") }
                return try await next(call)
            }
        }
        let log = Mutex<[String]>([])
        let note: @Sendable (String) -> Void = { line in log.withLock { $0.append(line) } }
        try await withServer(
            [.raw("echo") { $0 }], interceptors: [Note(name: "outer", log: note), Note(name: "inner", log: note)]
        ) { port, _ in
            _ = try await client(port).send("echo", 1)
        }
        #expect(log.withLock { $0 } == ["outer before echo", "inner before echo", "inner after", "outer after"])
    }
}
