import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Rookery
import Tracing

/// Gives each request a trace and a span, turns errors into responses, and logs failed and slow requests.
///
/// The trace is that of the request's `traceparent`, else a new one. The calls that the request causes carry it. The span
/// has the name and the main attributes that Hummingbird's `TracingMiddleware` gives it. That middleware costs as much as all
/// other spans of a request: it adds two layers, and copies a dictionary of attributes for each change.
///
/// An unknown path is answered 404. A known path with another method is answered 405, or 204 for `OPTIONS`, both with
/// `Allow`.
struct TraceMiddleware: RouterMiddleware {
    /// Makes the spans of requests. Nil without a tracer.
    let tracer: CallTracer?
    /// The tracer that supplies the calls for `X-PetPro-Calls`. Nil omits the header field.
    let calls: BoundedTracer?
    /// Note and count the requests. Nil without a console.
    let board: TraceBoard?
    let counts: OperationCounts?
    /// All operations, to find the methods of a path when no route matches.
    let endpoints: [Endpoint]
    let origins: AllowedOrigins
    /// Makes the trace of a request that has none.
    let newTrace: @Sendable () -> Traceparent
    let logger: Logger

    /// Slower requests are logged with the decisions about their calls. 1 s.
    private static let slow = TimeAmount.seconds(1)

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let began = NIODeadline.now()
        var surroundings = ServiceContext.current ?? .topLevel
        let (trace, span) = begin(request, at: began, in: &surroundings)
        let isContinued = request.headers[.traceparent] != nil
        var context = context
        context.traceId = trace.traceID
        let decisions = CallTrace(at: began)
        var response: Response
        do {
            response = try await CallTrace.$current.withValue(decisions) {
                try await ServiceContext.$current.withValue(surroundings) { try await next(request, context) }
            }
        } catch {
            response = notRouted(error, request) ?? answer(error, request, context, decisions)
        }
        // Hummingbird names the lack of a route like one.
        let route = context.endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil }
        let status = Int(response.status.code)
        let end = SpanEnd.response(status: status, route: route)
        let ended = NIODeadline.now()
        if let span {
            if response.body.contentLength == nil {
                let (body, ending) = (response.body, SpanEnding(span, end))
                response.body = ResponseBody { writer in
                    defer { ending.end() }
                    try await body.write(writer)
                }
            } else {
                span.end(end, at: ended)
            }
        }
        logIfSlow(response, request, context, decisions, took: ended - began)
        response.headers[.traceId] = trace.traceID
        if !origins.isEmpty {
            for field in origins.fields(for: request.headers[.origin]) { response.headers.append(field) }
        }
        if let calls {
            let lines = CallLines.text(calls.spans(of: trace), of: trace.id)
            if !lines.isEmpty { response.headers[.petProCalls] = lines }
        }
        // A stream has not ended yet.
        if let board, response.body.contentLength != nil {
            let isHead = request.method == .head
            let flow = counts?.count(
                isHead ? "GET" : request.method.rawValue, route, status, from: began, to: ended)
            // No flow begins with HEAD.
            board.ended(
                trace, isOwn: !isContinued, flow: isHead ? nil : flow.map { ($0, span?.outline) }, status: status,
                took: ended - began, at: ended)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// Returns the trace and the span of a request. Calls made in `context` carry the trace.
    private func begin(
        _ request: Request, at now: NIODeadline, in context: inout ServiceContext
    ) -> (Traceparent, CallSpan?) {
        let received = request.headers[.traceparent].flatMap { Traceparent($0) }
        guard let tracer else {
            let trace = received ?? newTrace()
            context.callMetadata[MetadataName.traceparent] = trace.description
            return (trace, nil)
        }
        if let received { context.callMetadata[MetadataName.traceparent] = received.description }
        let (span, identity) = tracer.startRequest(
            method: request.method.rawValue, path: path(of: request), at: now, &context
        ) {
            $0.extract(request.headers, into: &$1, using: HeaderExtractor())
        }
        // A tracer may use identities of another kind, and inject no `traceparent`.
        if let identity { return (identity, span) }
        let trace = newTrace()
        context.callMetadata[MetadataName.traceparent] = trace.description
        return (trace, span)
    }

    /// The path for the span: at most 256 bytes and `…`, because the tracer keeps it and the client chooses it.
    private func path(of request: Request) -> String {
        let path = request.uri.path
        return path.utf8.count > 256 ? path.cut(toBytes: 256) + "…" : path
    }

    /// Returns the response to `OPTIONS` for a known path, or nil for any other error.
    private func notRouted(_ error: any Error, _ request: Request) -> Response? {
        guard (error as? HTTPError)?.status == .notFound, request.method == .options,
            let methods = endpoints.methods(at: request.uri.path)
        else { return nil }
        var headers = origins.permissions(for: request.headers[.origin], methods: methods)
        headers[.allow] = methods
        return Response(status: .noContent, headers: headers)
    }

    private func problem(_ error: any Error, _ request: Request) -> Problem {
        guard (error as? HTTPError)?.status == .notFound else { return Problem(answering: error) }
        return endpoints.methods(at: request.uri.path).map(Problem.methodNotAllowed) ?? .notFound
    }

    private func answer(
        _ error: any Error, _ request: Request, _ context: GatewayContext, _ decisions: CallTrace
    ) -> Response {
        let problem = problem(error, request)
        if problem.status.code >= 500 {
            logger.error(
                "a request failed",
                metadata: [
                    "path": "\(request.uri.path)", "status": "\(problem.status.code)", "traceId": "\(context.traceId)",
                    "error": "\(String(reflecting: error))", "calls": "\(decisions)",
                ])
        }
        return problem.response(traceId: context.traceId)
    }

    private func logIfSlow(
        _ response: Response, _ request: Request, _ context: GatewayContext, _ decisions: CallTrace,
        took: TimeAmount
    ) {
        guard took > Self.slow, response.headers[.contentType] != "text/event-stream" else { return }
        logger.notice(
            "a request was slow",
            metadata: [
                "path": "\(request.uri.path)", "traceId": "\(context.traceId)",
                "milliseconds": "\(took.nanoseconds / 1_000_000)", "calls": "\(decisions)",
            ])
    }
}
