import Foundation
import Hummingbird
import NIOCore
import NIOPosix
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import APIGateway

/// The status code of the first response in a text, and the code of its problem.
private struct Parsed: Equatable, CustomStringConvertible {
    let status: Int
    let code: String?
    let isClosing: Bool

    init(_ text: String) {
        status = Int(text.dropFirst("HTTP/1.1 ".count).prefix(3)) ?? 0
        isClosing = text.lowercased().contains("connection: close")
        let body = text.components(separatedBy: "\r\n\r\n").dropFirst().first ?? ""
        code = (try? JSONValue(parsing: body))?["code"]?.stringValue
    }

    init(_ status: Int, _ code: String?) {
        self.status = status
        self.code = code
        isClosing = true
    }

    var description: String { "\(status) \(code ?? "-")\(isClosing ? " close" : "")" }
}

@Suite("HTTP below the routes", .serialized, .timeLimit(.minutes(1)))
struct HTTPTests {
    private static func head(_ lines: String...) -> String { lines.joined(separator: "\r\n") + "\r\n\r\n" }

    /// What is sent, and how it is answered: with a problem, and the end of the connection.
    private static let refused: [(String, String, Parsed)] = [
        ("no Host", head("GET /health/live HTTP/1.1"), Parsed(400, "BAD_REQUEST")),
        ("two Hosts", head("GET /health/live HTTP/1.1", "Host: a", "Host: a"), Parsed(400, "BAD_REQUEST")),
        ("a Host with a path", head("GET /health/live HTTP/1.1", "Host: a/b"), Parsed(400, "BAD_REQUEST")),
        ("HTTP/2.0", head("GET /health/live HTTP/2.0", "Host: a"), Parsed(505, "VERSION_NOT_SUPPORTED")),
        ("HTTP/1.7", head("GET /health/live HTTP/1.7", "Host: a"), Parsed(505, "VERSION_NOT_SUPPORTED")),
        ("a method that is none", head("BREW /health/live HTTP/1.1", "Host: a"), Parsed(501, "NOT_IMPLEMENTED")),
        ("no HTTP", "\u{16}\u{03}\u{01}\u{02}\r\n\r\n", Parsed(501, "NOT_IMPLEMENTED")),
        ("a target that is no path", head("GET health HTTP/1.1", "Host: a"), Parsed(400, "BAD_REQUEST")),
        (
            "a head over 16 KiB",
            head("GET /health/live HTTP/1.1", "Host: a", "X: " + String(repeating: "x", count: 20_000)),
            Parsed(431, "HEADERS_TOO_LARGE")
        ),
        (
            "a target over 16 KiB", head("GET /" + String(repeating: "x", count: 20_000) + " HTTP/1.1", "Host: a"),
            Parsed(431, "HEADERS_TOO_LARGE")
        ),
        (
            "200 header fields",
            head("GET /health/live HTTP/1.1", "Host: a", (0..<200).map { "X\($0): x" }.joined(separator: "\r\n")),
            Parsed(431, "HEADERS_TOO_LARGE")
        ),
        (
            "Content-Length and Transfer-Encoding",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked")
                + "0\r\n\r\n",
            Parsed(400, "BAD_REQUEST")
        ),
        (
            "two Content-Lengths",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Content-Length: 2", "Content-Length: 3") + "{} ",
            Parsed(400, "BAD_REQUEST")
        ),
        (
            "a Content-Length that is no number",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Content-Length: +2") + "{}", Parsed(400, "BAD_REQUEST")
        ),
        (
            "an unknown transfer coding",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Transfer-Encoding: gzip"),
            Parsed(501, "NOT_IMPLEMENTED")
        ),
        (
            "two transfer codings",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n",
            Parsed(501, "NOT_IMPLEMENTED")
        ),
        (
            "a folded header field", head("GET /health/live HTTP/1.1", "Host: a", "X: a\r\n b"),
            Parsed(400, "BAD_REQUEST")
        ),
        (
            "a chunk without a length",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "zz\r\n",
            Parsed(400, "BAD_REQUEST")
        ),
        (
            "a body of 99 GB, at once", head("POST /api/auth/login HTTP/1.1", "Host: a", "Content-Length: 99000000000"),
            Parsed(413, "TOO_LARGE")
        ),
        (
            "a body with more digits than a number has",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Content-Length: " + String(repeating: "9", count: 30)),
            Parsed(400, "BAD_REQUEST")
        ),
        (
            "chunks that are too much together",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "50000\r\n"
                + String(repeating: "x", count: 0x50000), Parsed(413, "TOO_LARGE")
        ),
        (
            "another expectation",
            head("POST /api/auth/login HTTP/1.1", "Host: a", "Expect: the-unexpected", "Content-Length: 2"),
            Parsed(417, "EXPECTATION_FAILED")
        ),
    ]

    @Test("is refused with a problem, and closed, when it is not understood or too much")
    func refusals() async throws {
        try await TestPlatform().serving { gateway in
            for (name, text, expected) in Self.refused {
                let answer = try await gateway.exchange(text)
                #expect(Parsed(answer) == expected, "\(name): \(answer.prefix(300))")
                #expect(answer.lowercased().contains("x-trace-id: "), "\(name)")
            }
            #expect(try await gateway.http.get("/health/live").status == 200)
        }
    }

    @Test("of 1.1 keeps its connection, takes several requests at once and answers them in their order")
    func pipelining() async throws {
        try await TestPlatform().serving { gateway in
            let one = Self.head("GET /health/live HTTP/1.1", "Host: a")
            let two = Self.head("GET /nowhere HTTP/1.1", "Host: a")
            let last = Self.head("GET /api/vendors/1 HTTP/1.1", "Host: a", "Connection: close")
            let answer = try await gateway.exchange(one + two + one + last)
            let statuses = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
            #expect(statuses == ["200", "404", "200", "200"])
            #expect(answer.contains("Marigold Grooming"))
        }
    }

    @Test("of 1.0 is answered and closed, and one that asks for another protocol too")
    func oldAndOther() async throws {
        try await TestPlatform().serving { gateway in
            let old = try await gateway.exchange(Self.head("GET /health/live HTTP/1.0"))
            #expect(old.hasPrefix("HTTP/1.0 200") && old.lowercased().contains("connection: close"))
            let upgrade = try await gateway.exchange(
                Self.head("GET /health/live HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: h2c"))
            #expect(Parsed(upgrade) == Parsed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"))
        }
    }

    @Test("waits to be told to send a body when it says so")
    func expectContinue() async throws {
        try await TestPlatform().serving { gateway in
            let head = Self.head(
                "POST /api/auth/login HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 2",
                "Content-Type: application/json", "Connection: close")
            let port = gateway.port
            let answer = try await RawSocket.connected(to: port) { socket in
                try await socket.write(head)
                let interim = String(decoding: try await socket.read(25), as: UTF8.self)
                #expect(interim.hasPrefix("HTTP/1.1 100 Continue\r\n\r\n"))
                try await socket.write("{}")
                return String(decoding: await socket.readToEnd(), as: UTF8.self)
            }
            #expect(answer.contains("HTTP/1.1 400") && answer.contains("INVALID_REQUEST"))
        }
    }

    private static func limits(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        change(&limits)
        return limits
    }

    private static func quick(_ change: (inout HTTPLimits) -> Void = { _ in }) -> HTTPLimits {
        limits { limits in
            limits.headTimeout = .milliseconds(150)
            limits.bodyTimeout = .milliseconds(150)
            limits.idle = .milliseconds(150)
            limits.writeTimeout = .milliseconds(150)
            change(&limits)
        }
    }

    @Test("has 408 and the end when a head or a body does not arrive in time, and the end alone when nothing came")
    func slow() async throws {
        try await TestPlatform().serving(limits: Self.quick()) { gateway in
            #expect(
                try await Parsed(gateway.exchange("GET /health/live HTTP/1.1\r\nHo")) == Parsed(408, "REQUEST_TIMEOUT"))
            let half = Self.head("POST /api/auth/login HTTP/1.1", "Host: a", "Content-Length: 9") + "{"
            #expect(try await Parsed(gateway.exchange(half)) == Parsed(408, "REQUEST_TIMEOUT"))
            #expect(try await gateway.exchange("") == "")
            // After a request, the connection is closed when no other one comes; and a slow second one has 408 too.
            let one = Self.head("GET /health/live HTTP/1.1", "Host: a")
            let once = try await gateway.exchange(one)
            #expect(once.components(separatedBy: "HTTP/1.1 ").count == 2 && once.hasPrefix("HTTP/1.1 200"))
            let twice = try await RawSocket.connected(to: gateway.port) { socket in
                try await socket.write(one)
                _ = try await socket.read(100)
                try await socket.write("GET /hea")
                return String(decoding: await socket.readToEnd(), as: UTF8.self)
            }
            #expect(twice.components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) } == ["", "200", "408"])
        }
    }

    @Test("is not held to a time while a request is being answered")
    func slowAnswer() async throws {
        let platform = try await TestPlatform()
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        let services = platform.services { _ in
            for await _ in answers { break }
            return .up
        }
        let admin = try await platform.serving(services: services) { gateway in
            try await gateway.http.signIn("admin@petpro.example")
        }
        try await platform.serving(limits: Self.quick(), services: services) { (gateway) async throws -> Void in
            async let health = gateway.http.get("/ops/health", token: admin)
            // A slow head beside it runs into its time; the answer is still waited for.
            #expect(try await Parsed(gateway.exchange("GET / HT")).status == 408)
            for _ in ServiceName.allCases { answer.yield() }
            #expect(try await health.status == 200)
        }
    }

    @Test("is closed when its client does not take what it asked for")
    func neverReads() async throws {
        let platform = try await TestPlatform()
        try await platform.serving(limits: Self.quick { $0.idle = .seconds(30) }) { gateway in
            let listener = gateway.gateway.listener
            // Requests for a large answer, one after the other, whose answers are never read.
            let request = Self.head("GET /openapi.json HTTP/1.1", "Host: a")
            let port = gateway.port
            try await SilentSocket.connected(to: port) { socket in
                socket.write(String(repeating: request, count: 2000))
                try await eventually { listener.table.count == 1 }
                // Its own buffers and the network's fill; then it is let go.
                try await eventually { listener.table.count == 0 }
            }
            #expect(listener.memory.used == 0)
            #expect(try await gateway.http.get("/health/live").status == 200)
        }
    }

    @Test("lets a client with something to ask in when connections that only take up room are all there may be")
    func givesWay() async throws {
        let limits = Self.limits { $0.connections = 20 }
        let platform = try await TestPlatform()
        try await platform.serving(limits: limits) { gateway in
            let port = gateway.port
            let listener = gateway.gateway.listener
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        // One that gives way at once may be told so while it connects or writes.
                        try? await RawSocket.connected(to: port, from: "127.0.1.\(number + 1)") { socket in
                            try await socket.write(
                                "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{")
                            _ = await socket.readToEnd()
                        }
                    }
                }
                for _ in 0..<30 { try await group.next() }
                #expect(listener.table.count == 20)
                for number in 0..<20 {
                    let answer = try await gateway.exchange(
                        Self.head("GET /health/live HTTP/1.1", "Host: a", "Connection: close"),
                        from: "127.0.2.\(number + 1)")
                    #expect(answer.hasPrefix("HTTP/1.1 200"))
                }
                #expect(listener.table.count <= 20)
                group.cancelAll()
            }
        }
    }

    @Test("is done with a connection that was closed before it was there")
    func closedAtOnce() async throws {
        let listener = HTTPListener(HTTPLimits(), logger: .quiet)
        let child = HTTPChildChannel(listener: listener) { _, _ in
            Response(status: .ok)
        } refuse: { _ in
            Response(status: .badRequest)
        }
        let (values, value) = AsyncStream.makeStream(of: HTTPChildChannel.Value.self)
        let server = try await ServerBootstrap(group: EventLoops.shared.group)
            .childChannelInitializer { channel in
                child.setup(channel: channel, logger: .quiet).map {
                    channel.close(promise: nil)
                    value.yield($0)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        _ = try? await RawSocket.connected(to: port) { await $0.readToEnd() }
        var connections = values.makeAsyncIterator()
        let connection = try #require(await connections.next())
        await child.handle(value: connection, logger: .quiet)
        #expect(listener.table.count == 0)
        try await server.close()
    }

    @Test("has only so many connections from one address, and others are let in")
    func perPeer() async throws {
        let limits = Self.limits { $0.connectionsPerPeer = 3 }
        let platform = try await TestPlatform()
        try await platform.serving(limits: limits) { gateway in
            let port = gateway.port
            let listener = gateway.gateway.listener
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await RawSocket.connected(to: port, from: "127.0.0.9") { socket in
                            try await socket.write("GET ")
                            _ = await socket.readToEnd()
                        }
                    }
                }
                try await eventually { listener.table.count == 3 }
                let request = Self.head("GET /health/live HTTP/1.1", "Host: a", "Connection: close")
                #expect(try await gateway.exchange(request, from: "127.0.0.9") == "")
                #expect(try await gateway.exchange(request, from: "127.0.0.8").hasPrefix("HTTP/1.1 200"))
                group.cancelAll()
            }
        }
    }

    @Test("has a memory that its clients share: one alone gets half, and what does not fit is 503")
    func memory() async throws {
        let limits = Self.limits { $0.memory = 4 * ($0.body + $0.head) }
        let platform = try await TestPlatform()
        try await platform.serving(limits: limits) { gateway in
            let port = gateway.port
            let listener = gateway.gateway.listener
            // Bodies that stop just before their end.
            let body = String(repeating: " ", count: 255 * 1024)
            let head = "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: \(256 * 1024)\r\n\r\n"
            let kept = Answers()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let answer = try await RawSocket.connected(to: port, from: "127.0.0.9") { socket in
                            try await socket.write(head + body)
                            return String(decoding: await socket.readToEnd(), as: UTF8.self)
                        }
                        kept.statuses.withLock { $0.append(Parsed(answer).status) }
                    }
                }
                try await eventually { kept.statuses.withLock { $0.count } >= 4 }
                #expect(listener.memory.used <= limits.memory)
                // Another address still has room for a request of its own.
                let small = Self.head("GET /health/live HTTP/1.1", "Host: a", "Connection: close")
                #expect(try await gateway.exchange(small, from: "127.0.0.8").hasPrefix("HTTP/1.1 200"))
                group.cancelAll()
            }
            let refused = kept.statuses.withLock { $0 }.filter { $0 != 0 }
            #expect(refused.count >= 4 && Set(refused) == [503])
            try await eventually { listener.memory.used == 0 }
        }
    }

    private final class Answers: Sendable {
        let statuses = Mutex<[Int]>([])
    }

    // MARK: Stops

    @Test("stops at once with requests that are not complete, and after those that are, within its time")
    func stops() async throws {
        let platform = try await TestPlatform()
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        let begun = Mutex(0)
        let services = platform.services { _ in
            begun.withLock { $0 += 1 }
            for await _ in answers { break }
            return .up
        }
        let admin = try await platform.serving(services: services) { gateway in
            try await gateway.http.signIn("admin@petpro.example")
        }
        for isAnswered in [true, false] {
            let before = begun.withLock { $0 }
            let began = ContinuousClock.now
            let drainTimeout = Duration.seconds(isAnswered ? 30 : 1)
            let outcome = try await platform.serving(services: services, drainTimeout: drainTimeout) {
                (gateway) async throws -> String in
                async let slow = gateway.exchange(
                    "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{", from: "127.0.0.2")
                async let idle = gateway.exchange("", from: "127.0.0.3")
                async let stream = gateway.exchange(
                    Self.head("GET /api/products/9001/inventory/stream HTTP/1.1", "Host: a"), from: "127.0.0.4")
                async let asked = gateway.exchange(
                    Self.head("GET /ops/health HTTP/1.1", "Host: a", "Authorization: Bearer \(admin)"),
                    from: "127.0.0.5")
                try await eventually { gateway.gateway.listener.table.count == 4 }
                try await eventually { await gateway.gateway.hub.streamCount == 1 }
                try await eventually { gateway.gateway.listener.memory.used > 500 }
                // The complete request is with its handler.
                try await eventually { begun.withLock { $0 } > before }
                await gateway.stop()
                // No handler answers these: they are closed.
                #expect(try await slow == "")
                #expect(try await idle == "")
                #expect(try await stream.contains("SHUTTING_DOWN"))
                if isAnswered { for _ in ServiceName.allCases { answer.yield() } }
                let outcome = try await asked
                await gateway.stopped()
                return outcome
            }
            #expect(isAnswered ? outcome.hasPrefix("HTTP/1.1 200") : outcome == "", "\(outcome)")
            #expect(ContinuousClock.now - began < .seconds(20))
        }
    }
}
