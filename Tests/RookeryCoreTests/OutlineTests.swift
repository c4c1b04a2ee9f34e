import NIOCore
import Rookery
import RookeryCore
import RookeryTesting
import Synchronization
import Testing
import Tracing

@Suite("A request's outline")
struct OutlineTests {
    /// What a request does.
    private typealias Work = @Sendable (RookeryClient) async throws -> Void

    /// One process, in which a gateway calls a service.
    private struct Process {
        let tracer: BoundedTracer
        let calls: CallTracer
        let client: RookeryClient

        init(spans: Int = 128) throws {
            tracer = BoundedTracer(spans: spans)
            calls = CallTracer(bounded: tracer)
            let second = try RookeryClient(
                inMemory: RookeryService([.raw(Pattern(cmd: "inner")) { $0 }]), tracer: tracer)
            client = try RookeryClient(
                inMemory: RookeryService([
                    .raw(Pattern(cmd: "a")) { $0 }, .raw(Pattern(cmd: "b")) { $0 },
                    .raw(Pattern(cmd: "refuse")) { _ in throw RemoteError("REFUSED", "no") },
                    .raw(Pattern(cmd: "outer")) { message in
                        _ = try await second.send(Pattern(cmd: "inner"), 1)
                        return message
                    },
                ]), tracer: tracer)
        }

        /// The outline of a request in a trace, a new one by default.
        func request(in trace: Traceparent? = nil, _ work: Work) async throws -> TraceOutline? {
            var surroundings = ServiceContext.topLevel
            surroundings.callMetadata[MetadataName.traceparent] = trace?.description
            let (span, _) = calls.startRequest(method: "GET", path: "/1", &surroundings) { _, _ in }
            try await ServiceContext.withValue(surroundings) { try await work(client) }
            span.end(.response(status: 200, route: "/{id}"))
            return span.outline
        }
    }

    private func outline(_ work: @escaping Work) async throws -> UInt64? { try await Process().request(work)?.value }

    private static func send(_ names: String...) -> Work {
        { client in for name in names { _ = try? await client.send(Pattern(cmd: name), 1) } }
    }

    @Test("is the same in two processes for the same calls, and differs with their order, number, nesting and codes")
    func ways() async throws {
        let first = try #require(try await outline(Self.send("a", "b")))
        #expect(try await outline(Self.send("a", "b")) == first)
        let others = [
            try await outline(Self.send("b", "a")), try await outline(Self.send("a")), try await outline(Self.send()),
            try await outline(Self.send("a", "b", "b")), try await outline(Self.send("a", "refuse")),
            try await outline(Self.send("outer")),
            try await outline(Self.send("outer", "inner")),
        ]
        #expect(Set(others.compactMap { $0 } + [first]).count == others.count + 1)
    }

    @Test("does not depend on how many attempts a call had")
    func retries() throws {
        func attempts(_ count: Int) throws -> UInt64? {
            let calls = CallTracer(bounded: BoundedTracer())
            var surroundings = ServiceContext.topLevel
            let (request, started) = calls.startRequest(method: "GET", path: "/1", &surroundings) { _, _ in }
            let identity = try #require(started)
            var call = Call(
                command: Command("c", pattern: "c"), message: MessageBody(JSONValue.null),
                metadata: [MetadataName.traceparent: identity.description])
            let outer = calls.startCall(&call, to: "s", at: .now(), surrounds: false)
            for number in 1...count {
                var attempt = call
                calls.startAttempt(&attempt, number, at: .now(), host: "h", port: number)
                    .end(CallOutcome(CallError(.timeout, "late")))
            }
            outer.end(.success)
            request.end(.response(status: 200, route: "/{id}"))
            return request.outline?.value
        }
        let once = try #require(try attempts(1))
        #expect(try attempts(3) == once)
    }

    @Test("covers one request of a trace, and is nil for requests of a trace that overlap")
    func shared() async throws {
        let process = try Process()
        let trace = Traceparent.random()
        let (first, second) = (try await outline(Self.send("a")), try await outline(Self.send("b", "a")))
        let one = try await process.request(in: trace, Self.send("a"))
        #expect(one?.isShared == false && one?.value == first)
        let two = try await process.request(in: trace, Self.send("b", "a"))
        #expect(two?.isShared == true && two?.value == second)
        let inner = Mutex<[TraceOutline?]>([])
        let outer = try await process.request(in: trace) { client in
            let outline = try await process.request(in: trace, Self.send("a"))
            inner.withLock { $0.append(outline) }
        }
        #expect(outer == nil && inner.withLock { $0 } == [nil])
        let after = try await process.request(in: trace, Self.send("a"))
        #expect(after?.value == one?.value)
    }

    @Test("of a process that another one calls has all that it was asked for")
    func called() async throws {
        func outline(_ names: String...) async throws -> UInt64? {
            let process = try Process()
            let trace = Traceparent.random()
            var surroundings = ServiceContext.topLevel
            surroundings.callMetadata[MetadataName.traceparent] = trace.description
            try await ServiceContext.withValue(surroundings) {
                for name in names { _ = try await process.client.send(Pattern(cmd: name), 1) }
            }
            return process.tracer.outline(of: trace.traceID)?.value
        }
        let first = try #require(try await outline("outer", "a"))
        #expect(try await outline("outer", "a") == first)
        #expect(try await outline("a", "outer") != first)
    }

    @Test("is nil if the trace had no room for a span, or is unknown")
    func partial() async throws {
        let process = try Process(spans: 4)
        let whole = try await process.request(Self.send("a"))
        #expect(whole != nil)
        let tooMany = try await process.request(Self.send("a", "b"))
        #expect(tooMany == nil)
        #expect(process.tracer.outline(of: Traceparent.random().traceID) == nil)
        #expect(process.tracer.outline(of: "no id") == nil)
    }
}
