import InMemoryTracing
import Logging
import NIOCore
import Rookery
import RookeryCalls
import RookeryCore
import RookeryTesting
import Synchronization
import Testing
import Tracing

@Contract
private protocol PlaceAPI: Sendable {
    @MessagePattern(cmd: "on-loop", .safe)
    func onLoop() async throws -> Bool

    @MessagePattern(cmd: "elsewhere", .safe, execution: .concurrent)
    func elsewhere() async throws -> Bool

    @StreamPattern(cmd: "values-elsewhere", execution: .concurrent)
    func valuesElsewhere() async throws -> MessageStream<Int>

    @MessagePattern(cmd: "surprising", .safe, errors: ["KNOWN"])
    func surprising(_ code: String) async throws
}

private struct Places: PlaceAPI {
    func onLoop() async throws -> Bool { EventLoops.shared.currentPosition != nil }
    func elsewhere() async throws -> Bool { EventLoops.shared.currentPosition == nil }
    func valuesElsewhere() async throws -> MessageStream<Int> {
        EventLoops.shared.currentPosition == nil ? MessageStream([1, 2, 3]) : MessageStream([])
    }
    func surprising(_ code: String) async throws { throw RemoteError(.init(code), "why") }
}

@Suite("What a contract declares", .serialized, .timeLimit(.minutes(1)))
struct DeclarationTests {
    private func serving(
        tracer: (any Tracer)? = nil, logger: Logger = quiet, _ body: (Int) async throws -> Void
    ) async throws {
        let server = try RookeryServer(
            ServerConfiguration(port: 0), services: PlaceAPIContract.service(Places()), tracer: tracer, logger: logger)
        try await server.running { try await body(try need($0.port)) }
    }

    @Test("about where a handler runs is kept: on the loop, or on the global pool")
    func execution() async throws {
        try await serving { port in
            for negotiates in [true, false] {
                let client = client(port) { $0.negotiates = negotiates }
                let places = PlaceAPIClient(client)
                #expect(try await places.onLoop())
                #expect(try await places.elsewhere())
                var values: [Int] = []
                for try await value in try await places.valuesElsewhere() { values.append(value) }
                #expect(values == [1, 2, 3])
                await client.close()
            }
        }
    }

    @Test("is told to a caller that asks, as text or in a binary frame")
    func described() async throws {
        try await serving { port in
            for negotiates in [true, false] {
                let client = client(port) { $0.negotiates = negotiates }
                let text = try await client.send(Description.pattern, .null)
                #expect(text?["rookery"] == 1 && text?["service"] == "rookery")
                #expect(
                    text?["commands"]?.arrayValue?.map { $0["name"] } == [
                        "onLoop", "elsewhere", "valuesElsewhere", "surprising",
                    ])
                await client.close()
            }
        }
    }

    @Test("about errors is kept: one that is not declared reaches the caller, and is logged as a fault")
    func undeclared() async throws {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "test") { _ in
            LineHandler { line in lines.withLock { $0.append(line) } }
        }
        try await serving(logger: logger) { port in
            let places = PlaceAPIClient(client(port))
            for code in ["KNOWN", "UNKNOWN"] {
                let error = await #expect(throws: RemoteError.self) { try await places.surprising(code) }
                #expect(error?.code?.rawValue == code)
            }
        }
        let faults = lines.withLock { $0.filter { $0.contains("does not declare") } }
        #expect(faults.count == 1)
    }
}

@Suite("A trace over TCP", .serialized, .timeLimit(.minutes(1)))
struct TCPTracingTests {
    @Test("has a span for the call, one for each attempt inside it, and the server's inside that")
    func attempts() async throws {
        let tracer = InMemoryTracer()
        let server = try RookeryServer(
            ServerConfiguration(port: 0), services: PlaceAPIContract.service(Places()), tracer: tracer, logger: quiet)
        try await server.running { address in
            let port = try need(address.port)
            let dead = try await FreePorts.first(of: 1)
            var configuration = ClientConfiguration(
                "places", instances: .list([dead, port].map { Instance(host: "127.0.0.1", port: $0) }))
            configuration.sendsMetadata = true
            let client = RookeryClient(
                try Destination(tcp: configuration, eventLoops: oneLoop, tracer: tracer, logger: quiet),
                tracer: tracer)
            // One of the first two calls goes to the instance that is not there first.
            for _ in 0..<2 { _ = try await PlaceAPIClient(client).onLoop() }
            await client.close()
        }
        let spans = tracer.finishedSpans
        let calls = spans.filter { $0.kind == .client && $0.operationName == "on-loop" }
        let attempts = spans.filter { $0.operationName == "attempt" }
        let handled = spans.filter { $0.kind == .server }
        #expect(calls.count == 2 && attempts.count == 3 && handled.count == 2)
        for attempt in attempts { #expect(calls.map(\.spanID).contains(attempt.parentSpanID ?? "")) }
        for span in handled { #expect(attempts.map(\.spanID).contains(span.parentSpanID ?? "")) }
        let failed = attempts.filter { $0.status?.code == .error }
        #expect(failed.count == 1 && failed[0].attributes.get("error.type") == .string("cannotConnect"))
    }

    @Test(
        "goes on through a Nest service's frames: its traceparent and request id reach our handlers and the calls they make"
    )
    func nest() async throws {
        let inner = Route.raw("inner") { _ in
            JSONValue.object(
                JSONObject(ServiceContext.current?.callMetadata.sorted { $0.key < $1.key } ?? []))
        }
        try await withServer([inner]) { innerPort, _ in
            let onward = client(innerPort) { $0.sendsMetadata = true }
            try await withServer([.raw("outer") { _ in try await onward.send("inner", nil) }]) { port, _ in
                let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                let body =
                    #"{"pattern":"outer","data":1,"id":"1","metadata":{"x-request-id":"r1","traceparent":"\#(parent)"}}"#
                let answer = try await RawSocket.connected(to: port) { socket in
                    try await socket.write("\(body.utf16.count)#\(body)")
                    let wanted =
                        #"{"response":{"traceparent":"\#(parent)","x-request-id":"r1"},"isDisposed":true,"id":"1"}"#
                    return String(decoding: try await socket.read(wanted.utf8.count + 3), as: UTF8.self)
                }
                #expect(answer.contains(#""traceparent":"\#(parent)""#) && answer.contains(#""x-request-id":"r1""#))
            }
        }
    }
}

extension JSONObject {
    fileprivate init(_ members: [(key: String, value: String)]) {
        self.init()
        for (key, value) in members { self[key] = .string(value) }
    }
}

/// Hands each line that is logged to a closure.
private struct LineHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    let write: @Sendable (String) -> Void

    init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { write("\(event.level) \(event.message)") }
}
