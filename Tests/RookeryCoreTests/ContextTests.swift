import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing
import Tracing

@Contract
private protocol LedgerAPI: Sendable {
    @MessagePattern(cmd: "enter", .keyed)
    func enter(_ entry: Int) async throws

    @MessagePattern(cmd: "undo", .keyed)
    func undo(_ entry: Int) async throws
}

/// Notes the key that each call came with.
private final class Ledger: LedgerAPI {
    let keys = Mutex<[String]>([])
    func enter(_ entry: Int) async throws { note() }
    func undo(_ entry: Int) async throws { note() }
    private func note() { keys.withLock { $0.append(MessageContext.current?.idempotencyKey ?? "none") } }
}

@Suite("What surrounds a message")
struct ContextTests {
    private func ledger() throws -> (Ledger, LedgerAPIClient) {
        let ledger = Ledger()
        return (ledger, LedgerAPIClient(try InMemoryTransport(LedgerAPIContract.service(ledger).routes).client()))
    }

    private func handling(_ key: String?, _ body: () async throws -> Void) async throws {
        let metadata = key.map { [MetadataName.idempotencyKey: $0] } ?? [:]
        let context = MessageContext(pattern: "outer", metadata: metadata, peer: "test")
        try await MessageContext.with(context, context.metadata) { try await body() }
        context.end()
    }

    @Test("gives a keyed call inside a keyed handler the same key whenever the handler runs for the same message")
    func nestedKeys() async throws {
        let (ledger, client) = try ledger()
        func handler() async throws {
            try await client.enter(1)
            try await client.enter(2)
            try await client.undo(1)
        }
        try await handling("k1", handler)
        try await handling("k1", handler)
        try await handling("k2", handler)
        let keys = ledger.keys.withLock { $0 }
        #expect(keys[0..<3] == keys[3..<6])
        // Each call has a key of its own: two effects are not taken for one.
        #expect(Set(keys).count == 6)
    }

    @Test("gives a keyed call a key of its own where there is none to derive it from")
    func freshKeys() async throws {
        let (ledger, client) = try ledger()
        try await handling(nil) { try await client.enter(1) }
        try await handling(nil) { try await client.enter(1) }
        try await client.enter(1)
        let keys = ledger.keys.withLock { $0 }
        #expect(Set(keys).count == 3 && !keys.contains("none"))
    }

    @Test("has neither deadline nor key once the handler has returned, for work that outlives it")
    func detachedWork() async throws {
        let context = MessageContext(
            pattern: "outer", metadata: [MetadataName.idempotencyKey: "k", "tenant": "t"], peer: "test",
            deadline: .after(.seconds(-1)))
        #expect(throws: RemoteError.self) { try context.checkDeadline() }
        #expect(context.idempotencyKey == "k")
        context.end()
        #expect(throws: Never.self) { try context.checkDeadline() }
        #expect(context.idempotencyKey == nil && context.deadline == nil && context.metadata["tenant"] == "t")
        // The detached task's call is not late, though the message's time is over.
        let (ledger, client) = try ledger()
        try await MessageContext.with(context, context.metadata) { try await client.enter(1) }
        #expect(ledger.keys.withLock { $0.count } == 1)
    }

    @Test("names the trace, by either name that Nest 12 sends")
    func traces() {
        func trace(_ metadata: [String: String]) -> String? {
            ServiceContext.carrying(metadata).traceID
        }
        let id = "4bf92f3577b34da6a3ce929d0e0e4736"
        #expect(trace(["x-request-id": "r1"]) == "r1")
        #expect(trace(["x-request-id": "r1", "traceparent": "00-\(id)-00f067aa0ba902b7-01"]) == id)
        for wrong in [
            "", "00-\(id)", "00-\(id.uppercased())-00f067aa0ba902b7-01",
            "00-\(String(repeating: "0", count: 32))-00f067aa0ba902b7-01", "00-\(id)-0000000000000000-01",
            "ff-\(id)-00f067aa0ba902b7-01", "00-\(id)-00f067aa0ba902b7-01-more", "00-\(id)-00f067aa0ba902b7-1",
        ] {
            #expect(trace(["x-request-id": "r1", "traceparent": wrong]) == "r1", "\(wrong)")
        }
        #expect(trace([:]) == nil)
    }
}

@Suite("The in-memory transport, like a network,")
struct InMemoryTransportTests {
    @Test("ends a call at its deadline")
    func deadline() async throws {
        let transport = try InMemoryTransport(
            [
                .raw("never") { _ in
                    try await Task.sleep(for: .seconds(3600)); return nil
                }
            ], sleep: { _ in })
        let error = await #expect(throws: CallError.self) { try await transport.client().send("never", 1) }
        #expect(error?.code == .timeout && error?.wasWritten == true)
    }

    @Test("carries a stream without end as far as it is read, and ends the handler with its reader")
    func endlessStream() async throws {
        let given = Mutex(0)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let route = Route.stream(Command("count", pattern: "count", kind: .stream)) { (_: Int) in
            MessageStream<Int>(unfolding: {
                if Task.isCancelled { return nil }
                return given.withLock { given in
                    given += 1
                    return given
                }
            })
        }
        let watched = Route(route.command) { payload, sink in
            defer { end.finish() }
            try await route.body(payload, sink)
        }
        let client = try InMemoryTransport([watched]).client()
        var values: [JSONValue?] = []
        for try await value in try await client.stream("count", 1) {
            values.append(value)
            if values.count == 3 { break }
        }
        #expect(values == [1, 2, 3])
        for await _ in ended {}
        // One was on its way when the reader left, and one more may have been made.
        #expect(given.withLock { $0 } <= 5)
    }
}
