import HTTPTypes
import Hummingbird
import NIOCore
import OTLPTraces
import PetProContracts
import PetProRuntime
import Rookery
import SequenceDiagrams
import TraceStore

/// The console: pages that show what the platform does, at `/console`.
///
/// It is there when the process keeps spans: in demo mode, and with `--console`. ``ConsoleAccess`` says who may use it. A request for
/// the console has no span, so looking changes nothing.
struct Console: Sendable {
    let board: TraceBoard
    let counts: OperationCounts
    let collector: SpanCollector
    let faults = FaultBoard()
    let services: Gateway.Services
    /// The interval at which the console checks that the reader of a stream may still read.
    let liveCheck: Duration
    /// Makes the spans of calls that someone makes here.
    let tracer: CallTracer

    /// The flows of `docs/flows`. Throws ``Flow/NoDiagram`` if a file of the build has none.
    static func flows() throws -> [Flow] {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        return [
            try Flow(
                "booking-creation", markdown: text(PackageResources.booking_creation_md),
                beyond: text(PackageResources.booking_creation_beyond_md)),
            try Flow(
                "product-availability", markdown: text(PackageResources.product_availability_md),
                beyond: text(PackageResources.product_availability_beyond_md)),
            try Flow(
                "vendor-registration", markdown: text(PackageResources.vendor_registration_md),
                beyond: text(PackageResources.vendor_registration_beyond_md)),
        ]
    }

    /// Adds the pages, what they read, and what they have done. Add them before the middleware of the API, so that they make no spans.
    func add(to router: Hummingbird.Router<GatewayContext>, access: ConsoleAccess) {
        page(router, "", "text/html; charset=utf-8", PackageResources.index_html, access)
        for (name, bytes) in [
            ("app", PackageResources.app_js), ("diagram", PackageResources.diagram_js),
            ("booking", PackageResources.booking_js), ("topology", PackageResources.topology_js),
            ("events", PackageResources.events_js), ("trace", PackageResources.trace_js),
            ("palette", PackageResources.palette_js), ("faults", PackageResources.faults_js),
            ("explorer", PackageResources.explorer_js),
        ] {
            page(router, "/\(name).js", "text/javascript; charset=utf-8", bytes, access)
        }
        page(router, "/style.css", "text/css; charset=utf-8", PackageResources.style_css, access)
        addSessions(to: router, access)
        data(router, "traces", access) { _, _ in
            [
                "traces": .array(board.newest(200).map { ConsoleJSON.summary($0) }),
                "left": .int(Int64(board.left)),
            ]
        }
        data(router, "instances", access) { _, _ in
            ["instances": .array(board.collects ? collector.instances.map(ConsoleJSON.instance) : [])]
        }
        data(router, "operations", access) { _, _ in
            ["operations": .array(counts.all().map { ConsoleJSON.operation($0.operation, $0.numbers) })]
        }
        data(router, "traces/{id}", access) { _, context in
            let (entry, spans) = try await trace(context)
            return ConsoleJSON.detail(entry, origin: board.origin(of: entry, in: spans))
        }
        data(router, "traces/{id}/otlp", access) { _, context in
            ReceivedTraces.json(try await trace(context).spans.map(\.sent))
        }
        data(router, "flows", access) { _, _ in
            let counts = board.counts
            return [
                "flows": .array(board.flows.map { ConsoleJSON.flow($0, counts.numbers(of: $0.name)) }),
                "unjudged": .int(Int64(counts.unjudged)),
            ]
        }
        data(router, "health", access) { _, _ in await health() }
        data(router, "events", access) { _, _ in await events() }
        action(router, "events/replay", access) { request, _ in try await replay(request) }
        action(router, "traces", access, onlyLocal: access.isDemo) { request, _ in try await take(request) }
        addFaults(to: router, access)
        addCommands(to: router, access)
        router.get("/console/api/live") { request, context in
            try await answering {
                let reader = try await access.reader(request, context)
                return try live(context, of: reader.actor) {
                    // Whatever keeps the reader from being known ends the stream; the page asks again, and is told why.
                    (try? await access.reader(request, context)) != nil
                }
            }
        }
    }

    private func addSessions(to router: Hummingbird.Router<GatewayContext>, _ access: ConsoleAccess) {
        data(router, "session", access) { request, context in
            access.json(try await access.reader(request, context))
        }
        router.post("/console/api/session") { request, context in
            try await answering {
                try access.checkHost(request, context)
                if request.headers[.authorization] != nil {
                    let account = try await access.admission(Gateway.bearerToken(request), context.peer)
                    let (id, session) = access.sessions.open(account.role, account: account.id)
                    return access.opened(id, session)
                }
                guard let token = try await Self.body(request)["token"]?.stringValue else {
                    throw Problem.badRequest("The body must have the member token, or the request an access token.")
                }
                guard let (id, session) = access.sessions.open(token: token) else {
                    try access.failed(context.peer)
                    throw Problem.unauthenticated(
                        "This link was used already, is older than 15 minutes, or is of an earlier start. Sign in as an operator or an administrator."
                    )
                }
                return access.opened(id, session)
            }
        }
        router.delete("/console/api/session") { request, context in
            try await answering {
                try access.checkHost(request, context)
                return access.closed(request)
            }
        }
    }

    // MARK: What it reads and does

    /// The request of the path, and the spans of its trace, also those that have ended since.
    private func trace(_ context: GatewayContext) async throws -> (entry: TraceBoard.Entry, spans: [OwnedSpan]) {
        guard let id = context.parameters.get("id"), Traceparent.isTrace(id) else { throw Problem.notFound }
        // The spans of other processes may still be on their way.
        for _ in 0..<20 where board.entry(id) == nil && board.isPending(id) {
            try await Task.sleep(for: .milliseconds(50))
        }
        let spans = await collector.spans(of: id)
        guard let entry = board.entry(id) ?? board.entry(id, stored: spans) else { throw Problem.notFound }
        return (board.entry(of: entry.span, in: id, spans, isForeign: entry.isForeign) ?? entry, spans)
    }

    /// The JSON object of a request. Throws a 400 or a 415.
    static func body(_ request: Request) async throws -> JSONValue {
        guard Gateway.isJSON(request.headers[.contentType]) else { throw Problem.unsupportedMediaType }
        do {
            // The connection has already collected the body, within its limits.
            return try JSONValue(parsing: Array(try await request.body.collect(upTo: .max).readableBytesView))
        } catch {
            throw Problem.invalidJSON("The body is not JSON: \(error).")
        }
    }

    /// Has a dead letter delivered again.
    private func replay(_ request: Request) async throws -> JSONValue {
        let body = try await Self.body(request)
        guard let publisher = body["publisher"]?.stringValue.flatMap({ ServiceName(rawValue: $0) }),
            let subscriber = body["subscriber"]?.stringValue.flatMap({ ServiceName(rawValue: $0) }),
            let position = body["position"]?.intValue.flatMap({ Int(exactly: $0) }), position > 0
        else { throw Problem.badRequest("The body must have publisher, subscriber and position.") }
        let answer = try await services.replay(
            publisher, ReplayDeadLetter(subscriber: subscriber.rawValue, position: position))
        guard answer.isFound else {
            throw Problem(.notFound, "NOT_FOUND", "\(subscriber.rawValue) has no dead letter at \(position).")
        }
        return ["replayed": true]
    }

    /// Takes spans of a file that someone opens, in OTLP's JSON.
    private func take(_ request: Request) async throws -> JSONValue {
        guard Gateway.isJSON(request.headers[.contentType]) else { throw Problem.unsupportedMediaType }
        let body = Array(try await request.body.collect(upTo: .max).readableBytesView)
        let traces = try await collector.intake.reading { try TracesEndpoint.read(body, .json) }
        // Spans of a platform's services, perhaps of this one's, displace none that came from themselves.
        let spans = traces.spans.map { OwnedSpan($0) }.map { span in
            OwnedSpan.isOfPlatform(span.owner) ? OwnedSpan(owner: "\(span.owner) (file)", record: span.record) : span
        }
        guard collector.intake.take(spans) else { throw Problem.outOfMemory }
        return [
            "taken": .int(Int64(traces.spans.count)), "rejected": .int(Int64(traces.rejected)),
            "traces": .array(Set(traces.spans.map(\.trace)).sorted().prefix(100).map { .string($0) }),
        ]
    }

    private func health() async -> JSONValue {
        await withTaskGroup(of: (String, JSONValue).self) { group in
            for service in ServiceName.allCases {
                group.addTask { (service.rawValue, await services.health(service).json) }
            }
            var answers: [String: JSONValue] = [:]
            for await (name, health) in group { answers[name] = health }
            let sorted = answers.sorted { $0.key < $1.key }
            return [
                "services": .object(sorted.reduce(into: JSONObject()) { $0[$1.key] = $1.value })
            ]
        }
    }

    /// The log of events of each service, or why it cannot be read.
    private func events() async -> JSONValue {
        await withTaskGroup(of: (ServiceName, JSONValue).self) { group in
            for service in ServiceName.allCases {
                group.addTask {
                    do {
                        return (service, try JSONValue(parsing: try await services.eventLog(service).json))
                    } catch {
                        return (service, ["error": .string("\(error)")])
                    }
                }
            }
            var answers: [ServiceName: JSONValue] = [:]
            for await (service, log) in group { answers[service] = log }
            return [
                "services": .object(
                    ServiceName.allCases.reduce(into: JSONObject()) { $0[$1.rawValue] = answers[$1] ?? .null })
            ]
        }
    }

    private func page(
        _ router: Hummingbird.Router<GatewayContext>, _ path: String, _ type: String, _ bytes: [UInt8],
        _ access: ConsoleAccess
    ) {
        router.get(RouterPath("/console" + path)) { request, context in
            try await answering {
                // Pages have nothing to hide. They only must not be those of an unknown name on this machine.
                try access.checkHost(request, context)
                return Response(
                    status: .ok,
                    headers: [
                        .contentType: type, .cacheControl: "no-cache",
                        // Scripts and styles of this origin only, and no other origin's anything.
                        .contentSecurityPolicy:
                            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
                            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                    ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
            }
        }
    }

    /// Adds what pages read.
    func data(
        _ router: Hummingbird.Router<GatewayContext>, _ path: String, _ access: ConsoleAccess,
        _ make: @escaping @Sendable (Request, GatewayContext) async throws -> JSONValue
    ) {
        router.get(RouterPath("/console/api/" + path)) { request, context in
            try await answering {
                _ = try await access.reader(request, context)
                return .json(try await make(request, context), headers: [.cacheControl: "no-store"])
            }
        }
    }

    /// Adds what pages have done.
    func action(
        _ router: Hummingbird.Router<GatewayContext>, _ path: String, _ access: ConsoleAccess, onlyLocal: Bool = false,
        _ act: @escaping @Sendable (Request, GatewayContext) async throws -> JSONValue
    ) {
        router.post(RouterPath("/console/api/" + path)) { request, context in
            try await answering {
                let reader = try await access.checkActs(request, context)
                // The passwords of the demo are public.
                if onlyLocal, !reader.isLocalDemo { throw Problem.forbidden("Do this on the gateway's machine.") }
                access.audit.record(
                    AuditEvent(.changed, actor: reader.actor, operation: "console", object: request.uri.path))
                return .json(try await act(request, context), headers: [.cacheControl: "no-store"])
            }
        }
    }

    /// Errors become problems, as those of the API do.
    private func answering(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch {
            return Problem(answering: error).response(traceId: Traceparent.random().traceID)
        }
    }

    // MARK: Live

    /// Streams the requests that end from now on, for as long as `mayRead` says yes.
    private func live(
        _ context: GatewayContext, of actor: String, while mayRead: @escaping @Sendable () async -> Bool
    ) throws -> Response {
        let (requests, end) = try board.watch(by: actor)
        context.onClose(end)
        let interval = liveCheck
        let body = ResponseBody { writer in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    repeat { try await Task.sleep(for: interval) } while await mayRead()
                    end()
                }
                try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
                for await request in requests {
                    try await writer.write(ByteBuffer(string: "event: trace\ndata: \(request.jsonText)\n\n"))
                }
                group.cancelAll()
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }
}
