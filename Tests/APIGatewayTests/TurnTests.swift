import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

/// The health of services, which is told when a test says so.
private struct HeldHealth: Sendable {
    private let answers: AsyncStream<Void>
    private let answering: AsyncStream<Void>.Continuation
    private let asked: AsyncStream<Void>
    private let asking: AsyncStream<Void>.Continuation

    init() {
        (answers, answering) = AsyncStream.makeStream(of: Void.self)
        (asked, asking) = AsyncStream.makeStream(of: Void.self)
    }

    /// Waits for an answer.
    func find() async -> ServiceHealth {
        asking.yield()
        for await _ in answers { break }
        return .up
    }

    /// Returns when it has been asked so many times more.
    func asked(_ count: Int) async {
        var iterator = asked.makeAsyncIterator()
        for _ in 0..<count { _ = await iterator.next() }
    }

    /// Answers so many.
    func answer(_ count: Int) { for _ in 0..<count { answering.yield() } }
}

@Suite("An operation with much to do", .timeLimit(.minutes(1)))
struct TurnTests {
    @Test("has so many requests answered at once, refuses what waits too long, and holds up no other operation")
    func refuses() async throws {
        var shedding = Shedding()
        shedding.initial = 4
        shedding.minimum = 4
        shedding.maximum = 4
        shedding.patience = .milliseconds(20)
        shedding.window = .milliseconds(20)
        let platform = try await TestPlatform()
        let health = HeldHealth()
        let services = platform.services { _ in await health.find() }
        try await platform.serving(services: services, shedding: shedding) { gateway in
            let http = gateway.http
            let admin = try await http.signIn("admin@petpro.example")
            try await withThrowingTaskGroup(of: Int.self) { group in
                // Three permits for what is neither critical nor sheddable; each request asks about four services.
                for _ in 0..<3 { group.addTask { try await http.get("/ops/health", token: admin).status } }
                await health.asked(12)
                let refused = try await http.get("/ops/health", token: admin)
                #expect(refused.status == 503 && refused.code == "OVERLOADED")
                #expect(refused.headers.first(name: "Retry-After") != nil)
                #expect(try await http.get("/api/vendors").status == 200)
                health.answer(12)
                for _ in 0..<3 { #expect(try await group.next() == 200) }
                health.answer(4)
                #expect(try await http.get("/ops/health", token: admin).status == 200)
            }
        }
    }

    @Test("accounts for a request until it is answered, though its connection is gone")
    func held() async throws {
        let platform = try await TestPlatform()
        let health = HeldHealth()
        let services = platform.services { _ in await health.find() }
        try await platform.serving(services: services) { gateway in
            let listener = gateway.gateway.listener
            let admin = try await gateway.http.signIn("admin@petpro.example")
            // The sign-in's answer may come before its memory is free.
            try await eventually { listener.memory.used == 0 }
            let padding = String(repeating: "x", count: 8000)
            try await RawSocket.connected(to: gateway.port, from: "127.0.0.2") { socket in
                try await socket.write(
                    "GET /ops/health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(admin)\r\nX: \(padding)\r\n\r\n")
                await health.asked(1)
                #expect(listener.memory.used > 8000)
                listener.table.closeAll()
                try await eventually { listener.table.count == 0 }
            }
            #expect(listener.memory.used > 8000)
            health.answer(4)
            try await eventually { listener.memory.used == 0 }
        }
    }
}
