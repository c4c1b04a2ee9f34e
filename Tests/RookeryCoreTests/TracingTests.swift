import InMemoryTracing
import NIOCore
import Rookery
import RookeryCore
import RookeryTesting
import Testing
import Tracing

private let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

extension FinishedInMemorySpan {
    fileprivate func text(_ name: String) -> String? {
        if case .string(let text)? = attributes.get(name) { text } else { nil }
    }
}

@Suite("A call's trace")
struct TracingTests {
    private func client(_ tracer: (any Tracer)?) throws -> EchoAPIClient {
        EchoAPIClient(
            try RookeryClient(inMemory: EchoAPIContract.service(EchoService()), tracer: tracer))
    }

    @Test("has a span at the client and one at the server, a child of it")
    func spans() async throws {
        let tracer = InMemoryTracer()
        _ = try await client(tracer).shout(Owner(name: "eva"))
        let spans = tracer.finishedSpans
        let called = try #require(spans.first { $0.kind == .client })
        let handled = try #require(spans.first { $0.kind == .server })
        #expect(spans.count == 2 && handled.traceID == called.traceID && handled.parentSpanID == called.spanID)
        #expect(called.operationName == "shout" && called.text("rpc.method") == #"{"cmd":"shout"}"#)
        #expect(called.text("rpc.system.name") == "nestjs" && handled.text("network.peer.address") == "in-memory")
        #expect(called.text("error.type") == nil && called.status == nil)
    }

    @Test("says what failed; a refusal of the service's own is no failure")
    func failures() async throws {
        let tracer = InMemoryTracer()
        let client = try client(tracer)
        await #expect(throws: RemoteError.self) { try await client.fail(Owner(name: "known")) }
        for span in tracer.popFinishedSpans() {
            #expect(span.text("rpc.status_code") == "KNOWN" && span.text("error.type") == nil && span.status == nil)
        }
        await #expect(throws: RemoteError.self) { try await client.fail(Owner(name: "else")) }
        for span in tracer.popFinishedSpans() {
            #expect(span.text("error.type") == "INTERNAL" && span.status?.code == .error)
        }
    }

    @Test("of a stream lasts until its end")
    func streams() async throws {
        let tracer = InMemoryTracer()
        var values = try await client(tracer).count(to: CountTo(last: 2)).makeAsyncIterator()
        #expect(try await values.next() == 0)
        #expect(!tracer.finishedSpans.contains { $0.kind == .client })
        while try await values.next() != nil {}
        #expect(tracer.finishedSpans.filter { $0.kind == .client }.map(\.operationName) == ["count"])
    }

    @Test("that comes from elsewhere passes through a service without a tracer, unchanged")
    func foreign() async throws {
        let inner = try client(nil)
        let outer = Route.raw("outer") { _ in try await inner.who() }
        let client = try RookeryClient(inMemory: RookeryService([outer]))
        let parent = "00-\(trace)-00f067aa0ba902b7-01"
        var context = ServiceContext.topLevel
        context.callMetadata = ["traceparent": parent, "x-request-id": "r1"]
        let seen = try await ServiceContext.withValue(context) { try await client.send("outer", nil) }
        #expect(seen?["traceparent"] == .string(parent) && seen?["x-request-id"] == "r1")
    }

    @Test("may be changed by an interceptor of a client without a tracer, and by the options of a call")
    func changed() async throws {
        struct Elsewhere: Interceptor {
            let parent: String
            func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
                var call = call
                call.metadata["traceparent"] = parent
                return try await next(call)
            }
        }
        let parent = "00-\(trace)-00f067aa0ba902b7-01"
        let plain = try RookeryClient(inMemory: EchoAPIContract.service(EchoService()))
        let tracer = BoundedTracer()
        func seen(_ client: RookeryClient) async throws -> String? {
            try await tracer.withAnySpan("outer") { _ in try await EchoAPIClient(client).who() }["traceparent"]
        }
        #expect(try await seen(plain)?.contains(trace) == false)
        #expect(try await seen(plain.intercepted(by: Elsewhere(parent: parent))) == parent)
        #expect(try await seen(plain.with { $0.metadata["traceparent"] = parent }) == parent)
        // What is no identity changes none.
        #expect(try await seen(plain.with { $0.metadata["traceparent"] = "?" })?.utf8.count == 55)
    }

    @Test("is the request id of a message in text that has none, because Nest logs that")
    func requestID() async throws {
        let client = try client(nil)
        func seen(_ metadata: [String: String]) async throws -> String? {
            var context = ServiceContext.topLevel
            context.callMetadata = metadata
            return try await ServiceContext.withValue(context) { try await client.who() }["x-request-id"]
        }
        let parent = "00-\(trace)-00f067aa0ba902b7-01"
        #expect(try await seen(["traceparent": parent]) == trace)
        #expect(try await seen(["traceparent": parent, "x-request-id": "r1"]) == "r1")
        #expect(try await seen(["tenant": "north"]) == nil)
    }

    @Test("is continued from a caller's traceparent, and told on with the span's own id")
    func continued() async throws {
        let tracer = BoundedTracer()
        let inner = try client(nil)
        let outer = Route.raw("outer") { _ in try await inner.who() }
        let client = try RookeryClient(inMemory: RookeryService([outer]))
            .with { $0.metadata["traceparent"] = "00-\(trace)-00f067aa0ba902b7-01" }
        let traced = try InMemoryTransport([outer], tracer: tracer)
        var call = Call(command: Command("outer", pattern: "outer"), message: MessageBody(JSONValue.null))
        call.metadata["traceparent"] = "00-\(trace)-00f067aa0ba902b7-01"
        let seen = try await traced.request(call).value()
        let span = try #require(tracer.spans(of: trace).first)
        #expect(span.parentID == "00f067aa0ba902b7" && span.kind == .server)
        #expect(seen?["traceparent"] == .string("00-\(trace)-\(span.spanID)-03"))
        #expect(try await client.send("outer", nil)?["traceparent"] != nil)
    }
}

@Suite("The identity of a span")
struct TraceparentTests {
    private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }

    @Test("is read from lower-case digits at their places only, and neither with ids of zeros nor as version ff")
    func reads() throws {
        let text = Array("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".utf8)
        for place in text.indices {
            for byte in UInt8.min...127 {
                var other = text
                other[place] = byte
                let isDash = [2, 35, 52].contains(place)
                let isAllowed = isDash ? byte == text[place] : isDigit(byte)
                let identity = Traceparent(String(decoding: other, as: UTF8.self))
                #expect((identity != nil) == isAllowed, "\(String(decoding: other, as: UTF8.self))")
                guard let identity else { continue }
                #expect(identity.traceID == String(decoding: other[3..<35], as: UTF8.self))
                #expect(identity.spanID == String(decoding: other[36..<52], as: UTF8.self))
            }
        }
        for count in text.indices { #expect(Traceparent(String(decoding: text.prefix(count), as: UTF8.self)) == nil) }
        #expect(Traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x") == nil)
        #expect(Traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é") == nil)
        #expect(Traceparent("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") == nil)
        #expect(Traceparent("00-" + String(repeating: "0", count: 32) + "-00f067aa0ba902b7-01") == nil)
        #expect(Traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01") == nil)
        #expect(Traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x") == nil)
        #expect(Traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x") != nil)
    }

    @Test("is written as it is read, and new ones differ")
    func writes() throws {
        var known: Set<String> = []
        for _ in 0..<1000 {
            let identity = Traceparent.random()
            #expect(identity.description.utf8.count == 55 && Traceparent(identity.description) == identity)
            #expect(identity.withText { String(decoding: $0, as: UTF8.self) } == identity.description)
            known.insert(identity.description)
        }
        #expect(known.count == 1000)
    }
}

@Suite("The bounded tracer")
struct BoundedTracerTests {
    @Test("keeps the last traces and of each the first spans, whatever it is given")
    func bounds() {
        let tracer = BoundedTracer(traces: 3, spans: 2)
        for number in 0..<10 {
            var context = ServiceContext.topLevel
            tracer.extract(
                ["traceparent": "00-\(Self.id(number))-00f067aa0ba902b7-01"], into: &context,
                using: MetadataExtractor())
            for _ in 0..<5 { tracer.startSpan("s", context: context).end() }
        }
        #expect(
            tracer.count == 3 * 2 && tracer.spans(of: Self.id(6)).isEmpty && tracer.spans(of: Self.id(7)).count == 2)
    }

    @Test("forgets a trace that nobody will ask for, and tells watches of what ends later all the same")
    func dropped() throws {
        let tracer = BoundedTracer(traces: 2)
        let calls = try #require(CallTracer(tracer))
        let watch = try #require(tracer.watch(limit: 10))
        func request() throws -> (CallSpan, Traceparent) {
            var surroundings = ServiceContext.topLevel
            let (span, identity) = calls.startRequest(method: "GET", path: "/", &surroundings) { _, _ in }
            return (span, try #require(identity))
        }
        let (kept, first) = try request()
        kept.end(.response(status: 200, route: nil))
        for _ in 0..<3 {
            // It makes no room: the one before it stays.
            let (span, trace) = try request()
            tracer.drop(trace)
            span.end(.response(status: 200, route: nil))
            #expect(tracer.spans(of: trace).isEmpty)
        }
        #expect(tracer.spans(of: first).map(\.id) == [first.id] && tracer.count == 1)
        #expect(watch.take(atMost: 10).spans.count == 4)
        tracer.drop(first)
        tracer.drop(first)
        #expect(tracer.count == 0)
    }

    @Test("tells when a span began and ended in the time since 1970, and how much time its call had")
    func times() throws {
        let tracer = BoundedTracer()
        let calls = try #require(CallTracer(tracer))
        let begin = NIODeadline.now()
        var call = Call(
            command: Command("c", pattern: "c"), message: MessageBody(JSONValue.null),
            deadline: Deadline(begin + .seconds(2)))
        calls.startCall(&call, to: "s", at: begin, surrounds: false).end(CallOutcome.success, at: begin + .seconds(1))
        let identity = try #require(call.traceparent.flatMap { Traceparent($0) })
        let span = try #require(tracer.spans(of: identity).first)
        let now = Double(DefaultTracerClock.now.nanosecondsSinceEpoch)
        #expect(abs(Double(span.start) - now) < 10e9 && span.ended - span.start == 1_000_000_000)
        #expect(span.millisecondsLeft == 2000)
    }

    @Test("keeps 64 bytes of a code at most, whatever one character of it has")
    func codes() {
        let code = RemoteError.Code("a" + String(repeating: "\u{301}", count: 10_000))
        let kept = CallOutcome(RemoteError(code, "no")).code ?? ""
        // A scalar of two bytes is not cut through.
        #expect(kept.utf8.count == 63 && kept.unicodeScalars.count == 32)
    }

    @Test("forgets the oldest trace, not one that was dropped and came again")
    func order() throws {
        let tracer = BoundedTracer(traces: 2)
        let calls = try #require(CallTracer(tracer))
        func request(_ identity: Traceparent) {
            var surroundings = ServiceContext.topLevel
            surroundings.callMetadata[MetadataName.traceparent] = identity.description
            calls.startRequest(method: "GET", path: "/", &surroundings) { _, _ in }.span
                .end(.response(status: 200, route: nil))
        }
        let (again, other) = (Traceparent.random(), Traceparent.random())
        request(again)
        tracer.drop(again)
        for one in [other, again, .random()] { request(one) }
        #expect(tracer.spans(of: again).count == 1 && tracer.spans(of: other).isEmpty)
        // More than the order of the traces may hold.
        for _ in 0..<20 {
            let dropped = Traceparent.random()
            request(dropped)
            tracer.drop(dropped)
        }
        for _ in 0..<3 { request(.random()) }
        #expect(tracer.count == 2 && tracer.spans(of: again).isEmpty)
    }

    @Test("has the first attempt of a call as a span of its own when it is read, whichever ends first")
    func attempts() throws {
        let tracer = BoundedTracer(spans: 12)
        let calls = try #require(CallTracer(tracer))
        let watch = try #require(tracer.watch(limit: 100))
        let trace = Traceparent.random()
        var surroundings = ServiceContext.topLevel
        surroundings.callMetadata[MetadataName.traceparent] = trace.description
        ServiceContext.$current.withValue(surroundings) {
            for isReversed in [false, true] {
                var call = Call(
                    command: Command("c", pattern: "c"), message: MessageBody(JSONValue.null),
                    metadata: surroundings.callMetadata)
                let outer = calls.startCall(&call, to: "s", at: .now(), surrounds: false)
                let whole = call
                let first = calls.startAttempt(&call, 1, at: .now(), host: "h", port: 1)
                first.end(CallOutcome(CallError(.timeout, "late")))
                call = whole
                let second = calls.startAttempt(&call, 2, at: .now(), host: "h", port: 2)
                if isReversed { outer.end(.success) }
                second.end(.success)
                second.end(CallOutcome(CallError(.timeout, "twice")))
                if !isReversed { outer.end(.success) }
            }
        }
        let spans = tracer.spans(of: trace.traceID)
        #expect(spans.count == 6 && Set(spans.map(\.id)).count == 6)
        let attempts = spans.compactMap { span -> String? in
            guard case .attempt(_, let number, _, let port)? = span.details else { return nil }
            return "\(number) \(port) \(span.text("rpc.status_code") ?? "ok")"
        }
        #expect(attempts == ["1 1 timeout", "2 2 ok", "1 1 timeout", "2 2 ok"])
        let whole = spans.filter { if case .call? = $0.details { true } else { false } }
        #expect(Set(spans.map(\.parent)) == Set(whole.map(\.id) + [trace.id]))
        #expect(Set(watch.take(atMost: 100).spans.map(\.id)) == Set(spans.map(\.id)))
        // More than a trace may have are not kept.
        for _ in 0..<40 {
            tracer.startSpan("more", context: surroundings).end()
        }
        #expect(tracer.spans(of: trace.traceID).count == 12)
    }

    @Test("keeps the messages of a trace's first calls when it is to, without what people wrote")
    func messages() async throws {
        func calls(_ tracer: BoundedTracer) async throws -> [BoundedSpan] {
            let client = EchoAPIClient(
                try RookeryClient(inMemory: EchoAPIContract.service(EchoService()), tracer: tracer))
            let trace = Traceparent.random()
            var surroundings = ServiceContext.topLevel
            surroundings.callMetadata[MetadataName.traceparent] = trace.description
            try await ServiceContext.withValue(surroundings) {
                _ = try await client.shout(Owner(name: "CANARY"))
                _ = try? await client.fail(Owner(name: "known"))
                _ = try await client.shout(Owner(name: "CANARY"))
            }
            return tracer.spans(of: trace.traceID).filter { $0.kind == .client }
        }
        let kept = try await calls(BoundedTracer(messages: 2))
        #expect(kept.map { $0.message?.contains("name") } == [true, true, nil])
        // A refusal has no reply.
        #expect(kept.map { $0.reply?.contains("name") } == [true, nil, nil])
        #expect(!kept.contains { "\($0.message ?? "")\($0.reply ?? "")\($0.attributes)".contains("CANARY") })
        #expect(try await calls(BoundedTracer()).allSatisfy { $0.message == nil && $0.reply == nil })
    }

    private static func id(_ number: Int) -> String { String(repeating: "a", count: 31) + String(number, radix: 16) }

    @Test("keeps a span once, with its attributes and whether it failed")
    func spans() throws {
        let tracer = BoundedTracer()
        let span = tracer.startSpan("work", ofKind: .server)
        span.attributes["a"] = "b"
        span.recordError(CancellationError())
        span.end()
        span.end()
        var metadata: [String: String] = [:]
        tracer.inject(span.context, into: &metadata, using: MetadataInjector())
        let identity = try #require(metadata["traceparent"].flatMap { Traceparent($0) })
        let kept = tracer.spans(of: identity.traceID)
        #expect(kept.count == 1 && kept[0].isFailure && kept[0].text("a") == "b" && kept[0].parentID == nil)
    }
}
