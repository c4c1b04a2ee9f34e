import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Rookery
import Tracing

/// Gives each request a trace, turns errors into responses, and logs failed and slow requests.
///
/// The trace is that of the surrounding span, else that of the request's `traceparent`, else a new one. The calls that
/// the request causes carry it.
///
/// An unknown path is answered 404. A known path with another method is answered 405, or 204 for `OPTIONS`, both with
/// `Allow`.
struct TraceMiddleware: RouterMiddleware {
    /// The tracer that supplies the calls for `X-PetPro-Calls`. Nil omits the header field.
    let calls: BoundedTracer?
    /// All operations, to find the methods of a path when no route matches.
    let endpoints: [Endpoint]
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
        let trace = trace(of: request)
        var context = context
        context.traceId = trace.traceID
        let decisions = CallTrace(at: began)
        var surroundings = ServiceContext.current ?? .topLevel
        surroundings.callMetadata = [
            MetadataName.traceparent: trace.description, MetadataName.requestID: trace.traceID,
        ]
        var response: Response
        do {
            response = try await CallTrace.$current.withValue(decisions) {
                try await ServiceContext.$current.withValue(surroundings) { try await next(request, context) }
            }
        } catch {
            response = notRouted(error, request) ?? answer(error, request, context, decisions)
        }
        logIfSlow(response, request, context, decisions, since: began)
        response.headers[.traceId] = trace.traceID
        if let calls {
            let lines = CallLines.text(calls.spans(of: trace.traceID))
            if !lines.isEmpty { response.headers[.petProCalls] = lines }
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func trace(of request: Request) -> Traceparent {
        if let context = ServiceContext.current {
            var metadata: [String: String] = [:]
            InstrumentationSystem.instrument.inject(context, into: &metadata, using: MetadataInjector())
            if let trace = metadata[MetadataName.traceparent].flatMap({ Traceparent($0) }) { return trace }
        }
        return request.headers[.traceparent].flatMap { Traceparent($0) } ?? newTrace()
    }

    /// Returns the response to `OPTIONS` for a known path, or nil for any other error.
    private func notRouted(_ error: any Error, _ request: Request) -> Response? {
        guard (error as? HTTPError)?.status == .notFound, request.method == .options,
            let methods = endpoints.methods(at: request.uri.path)
        else { return nil }
        return Response(status: .noContent, headers: [.allow: methods])
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
        since began: NIODeadline
    ) {
        let took = NIODeadline.now() - began
        guard took > Self.slow, response.headers[.contentType] != "text/event-stream" else { return }
        logger.notice(
            "a request was slow",
            metadata: [
                "path": "\(request.uri.path)", "traceId": "\(context.traceId)",
                "milliseconds": "\(took.nanoseconds / 1_000_000)", "calls": "\(decisions)",
            ])
    }
}
