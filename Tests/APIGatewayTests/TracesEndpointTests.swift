import AsyncHTTPClient
import Dispatch
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import OTLPTraces
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import SequenceDiagrams
import Testing
import TraceStore
import Tracing

@testable import APIGateway

@Suite("Spans of other programs", .timeLimit(.minutes(1)))
struct TracesEndpointTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    /// A span of a Nest service, by the conventions of OpenTelemetry.
    private func span(
        _ id: String, in parent: String?, _ name: String, _ kind: ReceivedSpan.Kind, of service: String,
        at start: UInt64,
        took duration: UInt64, _ attributes: [String: String] = [:], failed: Bool = false
    ) -> ReceivedSpan {
        ReceivedSpan(
            service: service, trace: Self.trace, id: id, parent: parent, name: name, kind: kind,
            start: 1_700_000_000_000_000_000 + start, end: 1_700_000_000_000_000_000 + start + duration,
            isFailure: failed,
            attributes: attributes)
    }

    /// A request to a Nest gateway that calls another service, which asks a database.
    private var nest: [ReceivedSpan] {
        [
            span(
                "00000000000000a1", in: nil, "GET /orders", .server, of: "shop", at: 0, took: 9_000_000,
                ["http.request.method": "GET", "http.route": "/orders", "http.response.status_code": "200"]),
            span("00000000000000a2", in: "00000000000000a1", "handler", .internal, of: "shop", at: 1, took: 8_000_000),
            span(
                "00000000000000a3", in: "00000000000000a2", "GET", .client, of: "shop", at: 1000, took: 5_000_000,
                ["http.request.method": "GET"]),
            span(
                "00000000000000b1", in: "00000000000000a3", "GET /stock/{id}", .server, of: "stock", at: 2000,
                took: 4_000_000,
                ["http.request.method": "GET", "http.route": "/stock/{id}", "http.response.status_code": "404"]),
            span(
                "00000000000000b2", in: "00000000000000b1", "SELECT", .client, of: "stock", at: 3000, took: 1_000_000,
                ["db.system.name": "postgresql"]),
        ]
    }

    private func send(
        _ gateway: RunningGateway, _ body: [UInt8], type: String = "application/json", token: String? = "secret",
        encoding: String? = nil
    ) async throws -> (status: UInt, body: JSONValue) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(gateway.port)/v1/traces")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: type)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let encoding { request.headers.add(name: "Content-Encoding", value: encoding) }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return (response.status.code, (try? JSONValue(parsing: Array(bytes.readableBytesView))) ?? .null)
    }

    private func serving(_ body: @Sendable (RunningGateway) async throws -> Void) async throws {
        try await TestPlatform().serving(
            change: {
                $0.rates.mode = .off
                $0.console.tracesToken = "secret"
            }, tracer: BoundedTracer(), body)
    }

    @Test("appear beside ours, as a diagram of their services", arguments: ["json", "protobuf"])
    func shown(_ encoding: String) async throws {
        try await serving { gateway in
            let body =
                encoding == "json" ? Array(ReceivedTraces.json(nest).jsonText.utf8) : ReceivedTraces.protobuf(nest)
            let type = encoding == "json" ? "application/json" : "application/x-protobuf"
            let sent = try await send(gateway, body, type: type)
            #expect(sent.status == 200)
            var found: JSONValue?
            try await eventually {
                let answer = try await gateway.http.get("/console/api/traces/\(Self.trace)")
                if answer.status == 200 { found = answer.body }
                return found != nil
            }
            let one = try #require(found)
            #expect(one["operation"] == "GET /orders" && one["status"] == 200 && one["foreign"] == true, "\(one)")
            #expect(one["participants"] == ["Client", "shop", "stock", "postgresql"])
            let arrows = one["calls"]?.arrayValue?.map {
                "\($0["from"]?.stringValue ?? "")>\($0["to"]?.stringValue ?? "").\($0["name"]?.stringValue ?? "")"
            }
            #expect(arrows == ["shop>stock.GET /stock/{id}", "stock>postgresql.SELECT"])
            #expect(one["verdict"]?["flow"] == nil)
            // What came in goes out again.
            let exported = try await gateway.http.get("/console/api/traces/\(Self.trace)/otlp").body
            let again = try ReceivedTraces(Array(exported.jsonText.utf8), .json)
            #expect(Set(again.spans.map(\.id)) == Set(nest.map(\.id)) && again.rejected == 0)
            #expect(again.spans.first { $0.id == "00000000000000b1" }?.parent == "00000000000000a3")
        }
    }

    @Test("need the token, a type and a body of the protocol")
    func refused() async throws {
        try await serving { gateway in
            let body = Array(ReceivedTraces.json(nest).jsonText.utf8)
            let padded = body + Array(repeating: 32, count: 1 << 20)
            let answers = [
                try await send(gateway, body, token: nil).status, try await send(gateway, body, token: "guess").status,
                try await send(gateway, body, type: "text/plain").status,
                try await send(gateway, body, encoding: "br").status,
                try await send(gateway, Array("{".utf8)).status, try await send(gateway, Array("[]".utf8)).status,
                try await send(gateway, body, type: "application/x-protobuf").status,
                try await send(gateway, body, encoding: "gzip").status,
                // Larger than a request of the API may be.
                try await send(gateway, padded).status,
            ]
            #expect(answers == [401, 401, 415, 415, 400, 400, 400, 400, 200])
            let tooLarge = try await gateway.exchange(
                "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n")
            #expect(tooLarge.hasPrefix("HTTP/1.1 413"))
        }
        try await TestPlatform().serving(tracer: BoundedTracer()) { gateway in
            // Without a token of its own, the gateway takes none.
            let sent = try await send(gateway, Array("{}".utf8))
            #expect(sent.status == 404)
        }
    }

    @Test("are read a few bodies at a time; the sender of another one is told to come again")
    func busy() async throws {
        let intake = SpanIntake(readers: 1)
        try await withThrowingTaskGroup(of: Int.self) { group in
            let gate = DispatchSemaphore(value: 0)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                try await intake.reading {
                    start.yield()
                    gate.wait()
                    return 1
                }
            }
            var starts = started.makeAsyncIterator()
            _ = await starts.next()
            let refused = await #expect(throws: Problem.self) { try await intake.reading { 2 } }
            gate.signal()
            #expect(refused?.status.code == 503 && refused?.retryAfterSeconds == 1)
            let first = try await group.next()
            #expect(first == 1)
            #expect(try await intake.reading { 3 } == 3)
            // One that fails makes room too.
            await #expect(throws: CancellationError.self) { try await intake.reading { throw CancellationError() } }
            #expect(try await intake.reading { 4 } == 4)
        }
    }

    @Test("that are out of bounds are refused, and the others taken: the answer says how many and why")
    func partial() async throws {
        try await serving { gateway in
            var wrong = nest
            wrong[0].id = "0000000000000000"
            wrong[1].trace = "short"
            wrong[2].end = wrong[2].start - 1
            wrong[3].service = "booking"
            let sent = try await send(gateway, Array(ReceivedTraces.json(wrong).jsonText.utf8))
            #expect(sent.status == 200 && sent.body["partialSuccess"]?["rejectedSpans"] == "4", "\(sent)")
            #expect(sent.body["partialSuccess"]?["errorMessage"]?.stringValue?.contains("3 spans") == true)
            let answer = TracesResponse(
                TracesResponse(rejected: 4, message: "why").body(.protobuf), .protobuf, count: 9)
            #expect(answer.rejected == 4 && answer.message == "why")
        }
    }

    @Test("may be compressed with gzip, within a limit")
    func gzip() throws {
        // Of `printf hello | gzip -n`.
        let hello: [UInt8] = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0,
        ]
        #expect(try Gzip.decompress(hello, limit: 5) == Array("hello".utf8))
        #expect(throws: Gzip.Fault.tooLarge(limit: 4)) { try Gzip.decompress(hello, limit: 4) }
        #expect(throws: Gzip.Fault.damaged) { try Gzip.decompress(Array(hello.dropLast(3)), limit: 5) }
        #expect(throws: Gzip.Fault.damaged) { try Gzip.decompress(hello + [1], limit: 5) }
        #expect(throws: Gzip.Fault.damaged) { try Gzip.decompress([], limit: 5) }
    }

    @Test("keep no name that may be a person's, nothing that a terminal acts upon, and not too many at once")
    func names() throws {
        func stored(_ name: String, _ attributes: [String: String] = [:]) -> SpanRecord {
            OwnedSpan(span("00000000000000a1", in: nil, name, .server, of: "shop", at: 0, took: 1, attributes)).record
        }
        #expect(stored("GET /users/{id}").name == "GET /users/{id}" && stored("create-order").name == "create-order")
        #expect(stored("GET /users/maya@petpro.example").name == "handling")
        #expect(stored("SELECT * FROM users WHERE name = 'Maya'").name == "handling")
        let client = span(
            "00000000000000a2", in: nil, "x", .client, of: "shop", at: 0, took: 1,
            ["peer.service": "maya@petpro.example", "rpc.status_code": "no 'Maya'"])
        #expect(OwnedSpan(client).record.service == nil && OwnedSpan(client).record.code == nil)
        var escape = client
        escape.name = "\u{1B}]52;c;x\u{7}"
        #expect(!escape.isValid)
        var many = ReceivedTraces.protobuf([client])
        // An empty message in place of a span takes two bytes.
        many +=
            [0x0A, 0x80, 0x80, 0x04, 0x12, 0xFC, 0xFF, 0x03]
            + Array(repeating: [0x12, 0x00], count: 32_766).flatMap { $0 }
        #expect(throws: ReceivedTraces.Malformed.self) { try ReceivedTraces(many, .protobuf) }
    }

    @Test("begin requests that displace none of the platform's own")
    func displaced() async throws {
        let board = TraceBoard(BoundedTracer(), flows: [], sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let tracer = BoundedTracer()
        var surroundings = ServiceContext.topLevel
        let (request, _) = try #require(CallTracer(tracer)).startRequest(method: "GET", path: "/x", &surroundings) {
            _, _ in
        }
        let identity = try #require(surroundings.traceparent)
        request.end(.response(status: 200, route: "/x"))
        let own = tracer.spans(of: identity).compactMap { SpanRecord($0) }.map {
            OwnedSpan(owner: "gateway", record: $0)
        }
        let now = NIODeadline.now()
        board.judge(
            TraceBoard.Pending(trace: identity.traceID, span: identity.id, isForeign: false, due: now), own)
        for number in 1...(TraceBoard.kept * 2) {
            let id = String(number, radix: 16)
            let one = span(
                String(repeating: "0", count: 16 - id.count) + id, in: nil, "work", .server, of: "other", at: 0, took: 1
            )
            board.judge(
                TraceBoard.Pending(trace: Self.trace, span: UInt64(number), isForeign: true, due: now), [OwnedSpan(one)]
            )
        }
        #expect(board.newest(TraceBoard.kept).count == TraceBoard.keptForeign + 1)
        #expect(board.entry(identity.traceID) != nil)
        // Of a flood, some are kept.
        for number in 1...1000 { board.told(Self.trace + "\(number)", UInt64(number + 10_000)) }
        #expect(board.due(9999, at: now + .seconds(60)).count <= TraceBoard.foreignRequests + 1)
    }

    @Test("that are too many wait no longer than there is room: their sender tries again")
    func full() {
        let intake = SpanIntake()
        let spans = Array(repeating: OwnedSpan(nest[0]), count: SpanIntake.limit)
        #expect(intake.take(spans) && !intake.take([OwnedSpan(nest[0])]))
        #expect(intake.drain().count == SpanIntake.limit && intake.take([OwnedSpan(nest[0])]))
    }

    @Test("any bytes in place of Protocol Buffers are read or refused, and nothing else happens")
    func anyBytes() {
        let body = ReceivedTraces.protobuf(nest)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var changed = body
            for _ in 0..<3 {
                changed[Int.random(in: 0..<body.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if let traces = try? ReceivedTraces(Array(changed.prefix(.random(in: 0...body.count))), .protobuf) {
                #expect(!traces.spans.contains { !$0.isValid })
            }
        }
    }
}
