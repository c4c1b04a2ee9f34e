import NIOCore
import PetProAssembly
import PetProContracts
import Rookery
import RookeryTesting
import SequenceDiagrams
import Testing
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
        duration: duration, code: nil, isFailure: false)
}

private func hex(_ id: UInt64) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

@Suite("Spans of other processes")
struct CollectorTests {
    /// A request to a gateway that called Booking, and what Booking's process knows of that, on a clock that is an hour off.
    private func trace(clockOff: Int) async throws -> ObservedTrace? {
        let tracer = BoundedTracer()
        let calls = try #require(CallTracer(tracer))
        var surroundings = ServiceContext.topLevel
        let request = calls.startRequest(method: "POST", path: "/api/bookings", &surroundings) { _, _ in }
        let identity = try #require(surroundings.traceparent)
        let client = try RookeryClient(
            inMemory: RookeryService([.raw(Pattern(cmd: "create-booking")) { $0 }]), tracer: tracer)
        try await ServiceContext.withValue(surroundings) {
            _ = try await client.send(Pattern(cmd: "create-booking"), 1)
        }
        request.end(.response(status: 201, route: "/api/bookings"))
        let call = try #require(tracer.spans(of: identity).first { $0.parent == identity.id })
        let start = Int(call.start) + clockOff
        return ObservedTrace(
            tracer.spans(of: identity),
            [
                span(.handling, 11, in: call.id, "create-booking", "booking", at: start + 10, took: 500),
                span(.call, 12, in: 11, "get-vendor-availability", "vendor", at: start + 20, took: 300),
                span(.attempt, 13, in: 12, "get-vendor-availability", at: start + 25, took: 290),
                span(.call, 14, in: 11, "second", "vendor", at: start + 330, took: 100),
                // Nobody knows its parent.
                span(.call, 15, in: 99, "stray", "vendor", at: start, took: 1),
                // A peer may send a loop.
                span(.handling, 16, in: 17, "loop", "vendor", at: start, took: 1),
                span(.handling, 17, in: 16, "loop", "vendor", at: start, took: 1),
            ].compactMap { SeenSpan($0) }, of: identity)
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

    @Test("are kept by service, within bounds: a chatty service evicts nobody")
    func bounds() {
        var rings: [ServiceName: SpanRing] = [.auth: SpanRing(), .vendor: SpanRing()]
        rings[.auth]?.add(span(.call, 1, in: 2, "a", at: 0, took: 1))
        for number in 0..<(SpanRing.traces + 10) {
            let id = hex(UInt64(number)) + hex(7)
            for at in 0..<3 { rings[.vendor]?.add(span(.call, UInt64(at), in: 9, "b", at: 0, took: 1, trace: id)) }
        }
        #expect(rings[.auth]?[String(repeating: "1", count: 32)].count == 1)
        #expect(rings[.vendor]?[hex(0) + hex(7)].isEmpty == true)
        #expect(rings[.vendor]?[hex(10) + hex(7)].count == 3)
        var ring = SpanRing()
        for at in 0..<1000 { ring.add(span(.call, UInt64(at), in: 9, "b", at: 0, took: 1)) }
        #expect(ring[String(repeating: "1", count: 32)].count == SpanRing.spans)
        for number in 0..<1000 {
            let id = hex(UInt64(number)) + hex(8)
            for at in 0..<100 { ring.add(span(.call, UInt64(at), in: 9, "b", at: 0, took: 1, trace: id)) }
        }
        #expect(ring.count <= SpanRing.allSpans && ring[hex(999) + hex(8)].count == 100)
    }

    @Test("that are not within their bounds are left out: nothing of them overflows")
    func wrong() {
        var ring = SpanRing()
        let long = String(repeating: "x", count: 300)
        let wrong = [
            span(.call, 1, in: 2, "a", at: -1, took: 1), span(.call, 1, in: 2, "a", at: 0, took: -1),
            span(.call, 1, in: 2, "a", at: 0, took: .max), span(.call, 1, in: 2, "a", at: .max, took: 1),
            span(.call, 1, in: 2, long, at: 0, took: 1), span(.call, 1, in: 2, "a", long, at: 0, took: 1),
            span(.call, 1, in: 2, "a", at: 0, took: 1, trace: "short"),
        ]
        for record in wrong { ring.add(record) }
        #expect(ring.count == 0)
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
            let request = try #require(CallTracer(tracer)).startRequest(method: "GET", path: "/x", &surroundings) {
                _, _ in
            }
            let identity = try #require(surroundings.traceparent)
            try await ServiceContext.withValue(surroundings) { _ = try await client.send("echo", 1) }
            // One that was not answered tells nothing about other processes.
            await client.close()
            await ServiceContext.withValue(surroundings) { _ = try? await client.send("echo", 1) }
            request.end(.response(status: 200, route: "/x"))
            let spans = tracer.spans(of: identity)
            #expect(ObservedTrace.isIncomplete(spans, []))
            let attempt = try #require(spans.first { SeenSpan($0)?.wasHandled == true })
            let told = try #require(SeenSpan(span(.handling, 5, in: attempt.id, "echo", "echo", at: 1, took: 1)))
            #expect(!ObservedTrace.isIncomplete(spans, [told]))
        }
    }

    @Test("that come faster than they are read are dropped and counted, and end with their reader")
    func dropped() async throws {
        let tracer = BoundedTracer(traces: 4096, spans: 128)
        let client = try RookeryClient(inMemory: RookeryService([.raw("echo") { $0 }]), tracer: tracer)
        let clock = ManualClock()
        let feed = SpanFeed(tracer, clock: clock)
        let stream = try await feed.watchSpans(WatchSpans())
        // Two spans each, of the call and of its handling: 10 000, of which 8192 find room.
        for _ in 0..<5000 { _ = try await client.send("echo", 1) }
        async let batches = first(4, of: stream)
        // Behind a full batch the next one does not wait.
        await clock.sleeping()
        clock.advance(by: .milliseconds(50))
        let read = try await batches
        #expect(read.map(\.spans.count) == [512, 512, 512, 512])
        #expect(read.map(\.missed) == [10_000 - 8192, 0, 0, 0])
        #expect(read[0].spans.allSatisfy { $0.name == "echo" && $0.duration >= 0 })
    }

    private func first(_ count: Int, of stream: MessageStream<SpanBatch>) async throws -> [SpanBatch] {
        var batches: [SpanBatch] = []
        for try await batch in stream {
            batches.append(batch)
            if batches.count == count { break }
        }
        return batches
    }

    @Test("have at most eight readers in a process")
    func readers() async throws {
        let tracer = BoundedTracer()
        let feed = SpanFeed(tracer)
        var streams: [MessageStream<SpanBatch>] = []
        for _ in 0..<8 { streams.append(try await feed.watchSpans(WatchSpans())) }
        await #expect {
            _ = try await feed.watchSpans(WatchSpans())
        } throws: {
            ($0 as? RemoteError)?.code == .overloaded
        }
        // A reader that has left makes room.
        streams.removeLast()
        streams.append(try await feed.watchSpans(WatchSpans()))
        #expect(streams.count == 8)
    }
}
