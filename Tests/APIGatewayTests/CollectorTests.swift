import Foundation
import Logging
import NIOCore
import PetProAssembly
import PetProContracts
import Rookery
import RookeryTesting
import RookeryCalls
import SequenceDiagrams
import Synchronization
import Testing
import TraceStore
import Tracing

@testable import APIGateway

/// A span of another process.
private func span(
    _ kind: SpanRecord.Kind, _ id: UInt64, in parent: UInt64, _ name: String, _ service: String? = nil, at start: Int,
    took duration: Int, trace: String = String(repeating: "1", count: 32)
) -> SpanRecord {
    SpanRecord(
        kind: kind, trace: trace, id: hex(id), parent: hex(parent), name: name, service: service,
        attempt: kind == .attempt ? 1 : nil, instance: kind == .attempt ? "127.0.0.1:4003" : nil, start: start,
        duration: duration, code: nil, isFailure: false, status: nil, path: nil, left: nil, message: nil, reply: nil)
}

private func hex(_ id: UInt64) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

extension ServiceContext {
    /// The context of someone who continues a trace.
    fileprivate func carrying(_ trace: Traceparent) -> ServiceContext {
        var context = self
        context.callMetadata[MetadataName.traceparent] = trace.description
        return context
    }
}

@Suite("Spans of other processes", .timeLimit(.minutes(1)))
struct CollectorTests {
    /// A request to a gateway that called Booking, and what Booking's process knows of that, on a clock that is an hour off.
    private func trace(clockOff: Int) async throws -> ObservedTrace? {
        let tracer = BoundedTracer()
        let calls = try #require(CallTracer(tracer))
        var surroundings = ServiceContext.topLevel
        let (request, _) = calls.startRequest(method: "POST", path: "/api/bookings", &surroundings) { _, _ in }
        let identity = try #require(surroundings.traceparent)
        let client = try RookeryClient(
            inMemory: RookeryService([.raw(Pattern(cmd: "create-booking")) { $0 }]), tracer: tracer)
        try await ServiceContext.withValue(surroundings) {
            _ = try await client.send(Pattern(cmd: "create-booking"), 1)
        }
        request.end(.response(status: 201, route: "/api/bookings"))
        let call = try #require(tracer.spans(of: identity).first { $0.parent == identity.id })
        let start = Int(call.start) + clockOff
        let own = tracer.spans(of: identity).compactMap { SpanRecord($0) }.map {
            OwnedSpan(owner: "gateway", record: $0)
        }
        let others = [
            span(.handling, 11, in: call.id, "create-booking", "booking", at: start + 10, took: 500),
            span(.call, 12, in: 11, "get-vendor-availability", "vendor", at: start + 20, took: 300),
            span(.attempt, 13, in: 12, "get-vendor-availability", at: start + 25, took: 290),
            span(.call, 14, in: 11, "second", "vendor", at: start + 330, took: 100),
            // Nobody knows its parent.
            span(.call, 15, in: 99, "stray", "vendor", at: start, took: 1),
            // A peer may send a loop.
            span(.handling, 16, in: 17, "loop", "vendor", at: start, took: 1),
            span(.handling, 17, in: 16, "loop", "vendor", at: start, took: 1),
        ].map { OwnedSpan(owner: "booking", record: $0) }
        return ObservedTrace((own + others).compactMap { SeenSpan($0) }, of: identity.id, trace: identity.traceID)
    }

    @Test(
        "complete a request's calls, whatever their clock says", arguments: [0, 3_600_000_000_000, -3_600_000_000_000])
    func clocks(off: Int) async throws {
        let trace = try #require(try await trace(clockOff: off))
        let arrows = trace.calls.map { "\($0.arrow.from) \($0.arrow.to) \($0.arrow.name)" }
        #expect(
            arrows.suffix(2) == [
                "BookingService VendorService get-vendor-availability", "BookingService VendorService second",
            ])
        let calls = trace.calls.suffix(2)
        #expect(calls.first?.attempts.map(\.instance) == ["127.0.0.1:4003"])
        #expect(calls.allSatisfy { abs($0.start) < 1_000_000_000 }, "\(calls)")
        #expect((calls.last?.start ?? 0) - (calls.first?.start ?? 0) == 310)
    }

    @Test("that are not within their bounds are left out: nothing of them overflows")
    func wrong() {
        let long = String(repeating: "x", count: 300)
        let wrong = [
            span(.call, 1, in: 2, "a", at: -1, took: 1), span(.call, 1, in: 2, "a", at: 0, took: -1),
            span(.call, 1, in: 2, "a", at: 0, took: .max), span(.call, 1, in: 2, "a", at: .max, took: 1),
            span(.call, 1, in: 2, long, at: 0, took: 1), span(.call, 1, in: 2, "a", long, at: 0, took: 1),
            span(.call, 1, in: 2, "a", at: 0, took: 1, trace: "short"),
        ]
        // Of a message, what is none is left out.
        var told = span(.call, 1, in: 2, "a", at: 0, took: 1)
        (told.message, told.reply) = ("\"CANARY\u{7f}\"", "\"" + long + long + "\"")
        let seen = SeenSpan(OwnedSpan(owner: "vendor", record: told))
        #expect(seen != nil && seen?.message == nil && seen?.reply == nil)
        for record in wrong { #expect(SeenSpan(OwnedSpan(owner: "vendor", record: record)) == nil, "\(record)") }
    }

    @Test("are missing if a call was answered whose handling nobody tells of")
    func incomplete() async throws {
        let tracer = BoundedTracer()
        try await withRookeryServer(
            RookeryServer(.init(port: 0), services: RookeryService([.raw("echo") { $0 }]))
        ) { server in
            let address = try await server.listeningAddress
            let client = try RookeryClient(ClientConfiguration("echo", at: "\(address)"), tracer: tracer)
            var surroundings = ServiceContext.topLevel
            let (request, _) = try #require(CallTracer(tracer)).startRequest(method: "GET", path: "/x", &surroundings) {
                _, _ in
            }
            let identity = try #require(surroundings.traceparent)
            try await ServiceContext.withValue(surroundings) { _ = try await client.send("echo", 1) }
            // One that was not answered tells nothing about other processes.
            await client.close()
            await ServiceContext.withValue(surroundings) { _ = try? await client.send("echo", 1) }
            request.end(.response(status: 200, route: "/x"))
            // The server is of another process.
            let spans = tracer.spans(of: identity).compactMap { SpanRecord($0) }.filter { $0.kind != .handling }
                .compactMap { SeenSpan(OwnedSpan(owner: "gateway", record: $0)) }
            #expect(ObservedTrace.isIncomplete(spans))
            let handled = spans.filter { $0.wasHandled }
            let attempt = try #require(handled.first)
            let record = span(.handling, 5, in: attempt.id, "echo", "echo", at: 1, took: 1)
            let told = try #require(SeenSpan(OwnedSpan(owner: "echo", record: record)))
            #expect(!ObservedTrace.isIncomplete(spans + [told]))
        }
    }

    @Test("are read of the traces that are asked for, and of no others")
    func feed() async throws {
        let tracer = BoundedTracer(traces: 4096, spans: 128)
        let client = try RookeryClient(inMemory: RookeryService([.raw("echo") { $0 }]), tracer: tracer)
        var traces: [String] = []
        for _ in 0..<3 {
            let trace = Traceparent.random()
            try await ServiceContext.withValue(.topLevel.carrying(trace)) { _ = try await client.send("echo", 1) }
            traces.append(trace.traceID)
        }
        let batch = try await SpanFeed(tracer).readSpans(ReadSpans(traces: traces[1...].map { TraceID(id: $0) }))
        #expect(Set(batch.spans.map(\.trace)) == Set(traces[1...]))
        // The call and its handling.
        #expect(batch.spans.count == 4 && batch.spans.allSatisfy { $0.name == "echo" && $0.duration >= 0 })
        #expect(batch.spans.filter { $0.kind == .call }.allSatisfy { (1...5000).contains($0.left ?? 0) }, "\(batch)")
    }

    @Test("are told as outlines too: one for each trace in their order, and 0 for one that is not known")
    func outlines() async throws {
        let tracer = BoundedTracer()
        let client = try RookeryClient(
            inMemory: RookeryService([.raw("echo") { $0 }, .raw("other") { $0 }]), tracer: tracer)
        var traces: [TraceID] = [TraceID(id: String(repeating: "1", count: 32))]
        for command in ["echo", "other", "echo"] {
            let trace = Traceparent.random()
            try await ServiceContext.withValue(.topLevel.carrying(trace)) {
                _ = try await client.send(Pattern(command), 1)
            }
            traces.append(TraceID(id: trace.traceID))
        }
        let told = try await SpanFeed(tracer).readOutlines(ReadOutlines(traces: traces)).outlines
        #expect(told.count == 4 && told[0] == 0 && told[1] != 0 && told[1] == told[3] && told[1] != told[2])
    }

    @Test("show a request as long as they are stored, also when newer requests have taken its place in the list")
    func stored() throws {
        let board = TraceBoard(BoundedTracer(), flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let trace = String(repeating: "1", count: 32)
        var request = span(.request, 1, in: 9, "GET /api/vendors", at: 0, took: 100)
        request.status = 503
        let spans = [
            // A program that called the gateway.
            OwnedSpan(owner: "shop", record: span(.call, 9, in: 8, "GET", at: 0, took: 200)),
            OwnedSpan(owner: "gateway", record: request),
            OwnedSpan(owner: "gateway", record: span(.call, 2, in: 1, "list-vendors", "vendor", at: 10, took: 50)),
        ]
        #expect(board.entry(trace) == nil)
        let entry = try #require(board.entry(trace, stored: spans))
        #expect(entry.trace.status == 503 && entry.trace.calls.map(\.arrow.to) == ["VendorService"] && !entry.isForeign)
        // With what is above it, the diagram begins at the other program.
        let origin = board.origin(of: entry, in: spans)
        #expect(origin.entry == "shop" && origin.calls.map(\.arrow.to) == ["APIGateway", "VendorService"])
        #expect(board.entry(trace, stored: []) == nil)
    }

    @Test("are there after a stop that comes before they are stored")
    func stopped() async throws {
        let file = NSTemporaryDirectory() + "spans-\(UUID()).sqlite"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) } }
        let tracer = BoundedTracer()
        let board = TraceBoard(tracer, flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let collector = SpanCollector(
            [], board: board, store: try SpanStore(file, own: OwnedSpan.platform), logger: .quiet)
        var surroundings = ServiceContext.topLevel
        let (request, _) = try #require(CallTracer(tracer)).startRequest(method: "GET", path: "/x", &surroundings) {
            _, _ in
        }
        let identity = try #require(surroundings.traceparent)
        request.end(.response(status: 200, route: "/x"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await collector.run() }
            board.ended(identity, isOwn: true, flow: nil, status: 200, took: .milliseconds(1))
            try await eventually { board.entry(identity.traceID) != nil }
            group.cancelAll()
        }
        let again = try SpanStore(file, own: OwnedSpan.platform)
        let kept = try await again.spans(of: identity.traceID)
        #expect(kept.map(\.record.name) == ["GET /x"])
        try again.close()
    }

    @Test("are the platform's own where another program tells of one with the same id")
    func impostor() throws {
        let board = TraceBoard(BoundedTracer(), flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let own = OwnedSpan(owner: OwnedSpan.gateway, record: span(.request, 1, in: 9, "GET /x", at: 0, took: 1))
        let other = OwnedSpan(owner: "liar", record: span(.request, 1, in: 9, "GET /lie", at: 0, took: 1))
        let entry = board.entry(of: 1, in: own.record.trace, [other, own], isForeign: false)
        #expect(entry?.trace.operation == "GET /x")
    }

    @Test("are shown without their store too, when nothing can be written")
    func unstored() async throws {
        let tracer = BoundedTracer()
        let board = TraceBoard(tracer, flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let store = try SpanStore(nil)
        let collector = SpanCollector([], board: board, store: store, logger: .quiet)
        try store.close()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await collector.run() }
            var surroundings = ServiceContext.topLevel
            let (request, _) = try #require(CallTracer(tracer)).startRequest(method: "GET", path: "/x", &surroundings) {
                _, _ in
            }
            let identity = try #require(surroundings.traceparent)
            request.end(.response(status: 200, route: "/x"))
            board.ended(identity, isOwn: true, flow: nil, status: 200, took: .milliseconds(1))
            try await eventually { board.entry(identity.traceID) != nil }
            #expect(await collector.spans(of: identity.traceID).map(\.record.name) == ["GET /x"])
            group.cancelAll()
        }
    }

    /// Tells of spans as a service that lies: of another trace, out of bounds, and too many.
    private struct Liar: TelemetryAPI {
        let asked: LockedBox<Int>
        func readSpans(_ request: ReadSpans) async throws -> SpanBatch {
            // It is asked now and then whether it answers.
            if request.traces.isEmpty { return SpanBatch(spans: []) }
            let isFirst = asked.value.withLock { asked in
                asked += 1
                return asked == 1
            }
            if isFirst { throw RemoteError(.overloaded, "not now") }
            var right = span(.handling, 7, in: 8, "a", "vendor", at: 1, took: 1, trace: request.traces[0].id)
            right.message = "\"CANARY\""
            let other = span(
                .handling, 7, in: 8, "b", "vendor", at: 1, took: 1, trace: String(repeating: "2", count: 32))
            let wrong = span(.handling, 7, in: 8, "c", "vendor", at: -1, took: 1, trace: request.traces[0].id)
            return SpanBatch(spans: [other, wrong, right])
        }
        func readOutlines(_ request: ReadOutlines) async throws -> OutlineBatch { OutlineBatch(outlines: []) }
    }

    /// Tells its spans, but has no outlines: an instance of an earlier version.
    private struct Older: TelemetryAPI {
        let asked: LockedBox<(spans: Int, outlines: Int)>
        func readSpans(_ request: ReadSpans) async throws -> SpanBatch {
            asked.value.withLock { $0.spans += request.traces.isEmpty ? 0 : 1 }
            return SpanBatch(spans: [])
        }
        func readOutlines(_ request: ReadOutlines) async throws -> OutlineBatch {
            asked.value.withLock { $0.outlines += 1 }
            throw CallError(.noHandler, "no handler")
        }
    }

    @Test("come from an instance without outlines too, and what began a flow is judged")
    func older() async throws {
        let tracer = BoundedTracer()
        let board = TraceBoard(
            tracer, flows: try Console.flows(), sampling: TraceSampling(perSecond: 0, slow: .seconds(60)),
            collects: true)
        let asked = LockedBox<(spans: Int, outlines: Int)>((0, 0))
        let source = SpanSource(.vendor, discovery: StaticDiscovery([Instance(host: "127.0.0.1", port: 1)])) { _ in
            InstanceClient(telemetry: Older(asked: asked), faults: FaultAPIStub(), close: {})
        }
        let collector = SpanCollector([source], board: board, store: try SpanStore(nil), logger: .quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await collector.run() }
            try await eventually { collector.instances.count == 1 }
            let route = "/api/products/{id}/availability"
            var surroundings = ServiceContext.topLevel
            let (request, _) = CallTracer(bounded: tracer).startRequest(method: "GET", path: route, &surroundings) {
                _, _ in
            }
            let identity = try #require(surroundings.traceparent)
            request.end(.response(status: 404, route: route))
            board.ended(identity, isOwn: true, flow: (1, request.outline), status: 404, took: .milliseconds(1))
            // It called nothing, as no way does but that of an invalid id.
            try await eventually {
                board.counts.numbers(of: "product-availability").ways == [["Id Invalid"]: 1]
            }
            #expect(asked.value.withLock { $0.spans > 0 && $0.outlines > 0 })
            #expect(collector.instances.map(\.problem) == [nil])
            group.cancelAll()
        }
    }

    @Test(
        "of a service that lies are of the asked traces and within their bounds; one that does not answer is left alone"
    )
    func liar() async throws {
        let board = TraceBoard(
            BoundedTracer(), flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)), collects: true)
        let asked = LockedBox<Int>(0)
        let instance = Instance(host: "127.0.0.1", port: 1)
        let source = SpanSource(.vendor, discovery: StaticDiscovery([instance])) { _ in
            InstanceClient(telemetry: Liar(asked: asked), faults: FaultAPIStub(), close: {})
        }
        let collector = SpanCollector([source], board: board, store: try SpanStore(nil), logger: .quiet)
        let trace = String(repeating: "1", count: 32)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await collector.run() }
            try await eventually { collector.instances.count == 1 }
            #expect(await collector.spans(of: trace).isEmpty)
            #expect(collector.instances[0].problem != nil)
            // It is asked again two seconds later, and not before.
            #expect(await collector.spans(of: trace).isEmpty)
            #expect(asked.value.withLock { $0 } == 1)
            try await eventually { await !collector.spans(of: trace).isEmpty }
            #expect(await collector.spans(of: trace).map(\.record.name) == ["a"])
            // Only demo mode keeps messages.
            #expect(await collector.spans(of: trace).first?.record.message == nil)
            #expect(collector.instances[0].problem == nil)
            #expect(try await collector.store.spans(of: String(repeating: "2", count: 32)).isEmpty)
            group.cancelAll()
        }
    }
}
