import Hummingbird
import Rookery
import Tracing

/// Has Hummingbird's metrics of a request recorded in the request's trace, so that they can name it as an exemplar. They are recorded
/// when the body was written, outside of what ``TraceMiddleware`` surrounds.
struct MetricsContext: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        guard let trace = response.headers[.traceId], trace.utf8.count == 32 else { return response }
        var surroundings = ServiceContext.current ?? .topLevel
        surroundings.callMetadata[MetadataName.traceparent] = "00-\(trace)-0000000000000001-01"
        let body = response.body
        response.body = ResponseBody(contentLength: body.contentLength) { [surroundings] writer in
            try await ServiceContext.withValue(surroundings) { try await body.write(writer) }
        }
        return response
    }
}
