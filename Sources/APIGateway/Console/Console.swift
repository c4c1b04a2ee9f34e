import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery
import SequenceDiagrams

/// The console: pages that show what the platform does, at `/console`.
///
/// It is there when the process keeps spans, as in demo mode. A request from this machine, under one of its own names, may read; any
/// other needs the token of an operator or an administrator. A request for the console has no span, so looking changes nothing.
struct Console: Sendable {
    /// Throws a 401 or a 403 for a token that may not read, and a 429 for too many tries from an address.
    typealias Admission = @Sendable (_ token: String, _ peer: String) async throws -> Void

    let board: TraceBoard
    let services: Gateway.Services
    /// The instances whose spans the gateway collects. Empty if all services run in this process.
    let instances: @Sendable () -> [SpanCollector.Seen]

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

    /// Adds the pages and what they read. Add them before the middleware of the API, so that they make no spans.
    func add(to router: Hummingbird.Router<GatewayContext>, admission: @escaping Admission) {
        page(router, "/console", "text/html; charset=utf-8", PackageResources.index_html)
        page(router, "/console/app.js", "text/javascript; charset=utf-8", PackageResources.app_js)
        page(router, "/console/diagram.js", "text/javascript; charset=utf-8", PackageResources.diagram_js)
        page(router, "/console/booking.js", "text/javascript; charset=utf-8", PackageResources.booking_js)
        page(router, "/console/topology.js", "text/javascript; charset=utf-8", PackageResources.topology_js)
        page(router, "/console/events.js", "text/javascript; charset=utf-8", PackageResources.events_js)
        page(router, "/console/style.css", "text/css; charset=utf-8", PackageResources.style_css)
        data(router, "/console/api/traces", admission) { _ in
            .object([
                "traces": .array(board.newest(200).map(ConsoleJSON.summary)), "unjudged": .int(Int64(board.left)),
            ])
        }
        data(router, "/console/api/instances", admission) { _ in
            ["instances": .array(instances().map(ConsoleJSON.instance))]
        }
        data(router, "/console/api/traces/{id}", admission) { context in
            guard let id = context.parameters.get("id") else { throw Problem.notFound }
            // The spans of other processes may still be on their way, for half a second.
            for _ in 0..<20 where board.entry(id) == nil && board.isPending(id) {
                try await Task.sleep(for: .milliseconds(50))
            }
            guard let entry = board.entry(id) else { throw Problem.notFound }
            return ConsoleJSON.detail(entry)
        }
        data(router, "/console/api/flows", admission) { _ in
            .object(["flows": .array(board.flows.map { ConsoleJSON.flow($0, board) })])
        }
        data(router, "/console/api/health", admission) { _ in await health() }
        data(router, "/console/api/events", admission) { _ in await events() }
        router.get("/console/api/live") { request, context in
            try await answering {
                try await Self.admit(request, context, admission)
                return try live(context)
            }
        }
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
        _ router: Hummingbird.Router<GatewayContext>, _ path: RouterPath, _ type: String, _ bytes: [UInt8]
    ) {
        router.get(path) { request, context in
            try await answering {
                try Self.checkHost(request, context)
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

    private func data(
        _ router: Hummingbird.Router<GatewayContext>, _ path: RouterPath, _ admission: @escaping Admission,
        _ make: @escaping @Sendable (GatewayContext) async throws -> JSONValue
    ) {
        router.get(path) { request, context in
            try await answering {
                try await Self.admit(request, context, admission)
                return .json(try await make(context), headers: [.cacheControl: "no-store"])
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

    // MARK: Who may read

    private static func admit(
        _ request: Request, _ context: GatewayContext, _ admission: Admission
    ) async throws {
        if isLocal(request, context) { return }
        try await admission(Gateway.bearerToken(request), context.peer)
    }

    private static func checkHost(_ request: Request, _ context: GatewayContext) throws {
        // Pages have nothing to hide. They only must not be the ones of an unknown name on this machine.
        guard !isLoopback(context.peer) || isLocal(request, context) else {
            throw Problem.forbidden("The console answers to localhost, 127.0.0.1 and [::1] on this machine.")
        }
    }

    /// Whether a request comes from this machine, under one of its own names: a page of another site whose name was made to point
    /// here sends its own name (DNS rebinding).
    static func isLocal(_ request: Request, _ context: GatewayContext) -> Bool {
        guard isLoopback(context.peer), let authority = request.head.authority, !isOfOthers(request) else {
            return false
        }
        let host = authority.prefix { $0 != ":" }
        return host == "localhost" || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// Whether a proxy on this machine says that it passes on the request of another client, or a browser that another site's page
    /// makes it.
    private static func isOfOthers(_ request: Request) -> Bool {
        let forwarded = [HTTPField.Name("X-Forwarded-For"), HTTPField.Name("Forwarded")].compactMap { $0 }
        if forwarded.contains(where: { request.headers.contains($0) }) { return true }
        return HTTPField.Name("Sec-Fetch-Site").flatMap { request.headers[$0] } == "cross-site"
    }

    /// Only of IPv4: the name of an IPv6 peer is a /64, which does not tell.
    private static func isLoopback(_ peer: String) -> Bool { peer.hasPrefix("127.") }

    // MARK: Live

    /// Streams the requests that end from now on.
    private func live(_ context: GatewayContext) throws -> Response {
        let (requests, end) = try board.watch()
        context.onClose(end)
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            for await request in requests {
                try await writer.write(ByteBuffer(string: "event: trace\ndata: \(request.jsonText)\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }
}
