import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Rookery
import Tracing

/// Finds out which trace a request belongs to, lets it travel with the calls that the request causes, answers errors, and logs
/// what failed or took long. A path that does not exist gets a problem too; one that exists says which methods it has.
///
/// The trace is the one of the span around it, or that of the request's `traceparent`, or a new one.
struct TraceMiddleware: RouterMiddleware {
    /// Where the calls are looked up that are shown in `X-PetPro-Calls`; nil to show none.
    let calls: BoundedTracer?
    /// What there is, for requests that find none of it.
    let endpoints: [Endpoint]
    /// Names the trace of a request that brings none.
    let newTrace: @Sendable () -> Traceparent
    let logger: Logger

    /// Requests that took longer are logged, with all that was decided about their calls. 1 s.
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

    /// The response to `OPTIONS` of a path that exists; nil for any other failure.
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
