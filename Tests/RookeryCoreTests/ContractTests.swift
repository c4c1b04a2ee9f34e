import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing
import Tracing

@Contract
protocol EchoAPI: Sendable {
    @MessagePattern(cmd: "shout", .safe)
    func shout(_ request: Owner) async throws -> Owner

    @MessagePattern("ping")
    func ping() async throws

    @MessagePattern(cmd: "fail")
    func fail(_ request: Owner) async throws -> Owner

    @EventPattern("owner.seen")
    func ownerSeen(_ event: Owner) async throws

    @StreamPattern(cmd: "count")
    func count(to last: CountTo) async throws -> MessageStream<Int>

    @MessagePattern(object: ["cmd": "who", "v": 2], .safe, timeout: .seconds(1))
    func who() async throws -> [String: String]
}

@Message
struct CountTo {
    @InRange(0...1000) var last: Int
}

final class EchoService: EchoAPI {
    struct Unexpected: Error {}
    let seen = Mutex<[String]>([])

    func shout(_ request: Owner) async throws -> Owner {
        Owner(name: request.name.uppercased(), email: request.email)
    }

    func ping() async throws {}

    func fail(_ request: Owner) async throws -> Owner {
        if request.name == "known" { throw RemoteError("KNOWN", "a reason", details: ["x": 1]) }
        throw Unexpected()
    }

    func ownerSeen(_ event: Owner) async throws { seen.withLock { $0.append(event.name) } }

    func count(to last: CountTo) async throws -> MessageStream<Int> { MessageStream(Array(0..<last.last)) }

    func who() async throws -> [String: String] { ServiceContext.current?.callMetadata ?? [:] }
}

private struct Refuse: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        if call.command.name == "shout" { throw RemoteError("REFUSED", "not today") }
        return try await next(call)
    }
}

private struct Tag: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        var call = call
        call.metadata["tag"] = "x"
        return try await next(call)
    }
}

@Suite("A contract")
struct ContractTests {
    private func client(
        _ service: EchoService = EchoService(), server: [any Interceptor] = [], client: [any Interceptor] = []
    ) throws -> EchoAPIClient {
        var served = EchoAPIContract.service(service)
        for interceptor in server { served = served.intercepted(by: interceptor) }
        var caller = try RookeryClient(inMemory: served)
        for interceptor in client { caller = caller.intercepted(by: interceptor) }
        return EchoAPIClient(caller)
    }

    @Test("gives the server's routes and the caller's client from one declaration")
    func requests() async throws {
        let client = try client()
        #expect(try await client.shout(Owner(name: "eva")) == Owner(name: "EVA"))
        try await client.ping()
        #expect(EchoAPIContract.commands.map(\.pattern.route).contains("{\"cmd\":\"who\",\"v\":2}"))
        #expect(EchoAPIContract.who.timeout == .seconds(1) && EchoAPIContract.who.idempotency == .safe)
    }

    @Test("hands a service's own refusal to the caller, and hides what nobody foresaw")
    func errors() async throws {
        let client = try client()
        await #expect(throws: RemoteError("KNOWN", "a reason", details: ["x": 1])) {
            try await client.fail(Owner(name: "known"))
        }
        await #expect(throws: RemoteError.internalServerError) { try await client.fail(Owner(name: "else")) }
    }

    @Test("gives a caller without a network the error that TCP gives when the service had no time left")
    func noTimeLeft() async throws {
        let late = Route.raw("late") { _ in throw RemoteError(.deadlineExceeded, "The time for this call is over.") }
        let error = await #expect(throws: CallError.self) {
            try await RookeryClient(inMemory: RookeryService([late])).send("late", 1)
        }
        #expect(error?.code == .timeout && error?.wasWritten == true)
    }

    @Test("checks a message before the handler sees it")
    func validation() async throws {
        let error = await #expect(throws: RemoteError.self) { try await client().shout(Owner(name: "", email: "x")) }
        #expect(error?.code == .invalidPayload)
        #expect(error?.details?.arrayValue?.map { $0["path"] } == ["name", "email"])
    }

    @Test("carries events and streams")
    func eventsAndStreams() async throws {
        let service = EchoService()
        let client = try client(service)
        try await client.ownerSeen(Owner(name: "maya"))
        #expect(service.seen.withLock { $0 } == ["maya"])
        var values: [Int] = []
        for try await value in try await client.count(to: CountTo(last: 5)) { values.append(value) }
        #expect(values == [0, 1, 2, 3, 4])
    }

    @Test("is surrounded by interceptors on both sides")
    func interceptors() async throws {
        let client = try client(server: [Refuse()], client: [Tag()])
        await #expect(throws: RemoteError("REFUSED", "not today")) { try await client.shout(Owner(name: "eva")) }
        #expect(try await client.who() == ["tag": "x"])
    }

    @Test("lets calls made in a handler inherit metadata and deadline")
    func inheritance() async throws {
        let client = try client()
        let context = MessageContext(pattern: "outer", metadata: ["traceId": "t1"], peer: "test")
        let metadata = try await MessageContext.with(context, context.metadata) { try await client.who() }
        #expect(metadata == ["traceId": "t1"])

        let late = MessageContext(pattern: "outer", peer: "test", deadline: .after(.seconds(-1)))
        #expect(throws: RemoteError.self) { try late.checkDeadline() }
    }

    @Test("leaves raw access to any pattern with any JSON")
    func raw() async throws {
        let raw = try InMemoryTransport([
            .raw("echo") { $0 }, .raw(Pattern("7")) { _ in nil },
        ]).client()
        #expect(try await raw.send("echo", ["a": [1, nil]]) == ["a": [1, nil]])
        #expect(try await raw.send("echo", nil) == .null)
        #expect(try await raw.send("7", 1) == nil)
        let error = await #expect(throws: CallError.self) { try await raw.send("nope", 1) }
        #expect(error?.code == .noHandler)
    }

    @Test("refuses two commands with one pattern, but lets events share one")
    func duplicates() throws {
        #expect(throws: DuplicatePattern.self) {
            try Router([
                .raw(Pattern(object: ["b": 1, "a": 2])) { $0 }, .raw(Pattern(object: ["a": 2, "b": 1])) { $0 },
            ])
        }
        #expect(throws: Never.self) {
            try Router([.raw("e", isEvent: true) { $0 }, .raw("e", isEvent: true) { $0 }])
        }
    }
}
