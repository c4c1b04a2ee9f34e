import Hummingbird
import Tracing

/// Makes the inner middleware and handlers use `tracer`, instead of the tracer that the process has bootstrapped.
struct TracerMiddleware: RouterMiddleware {
    let tracer: any Tracer

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        try await withTracer(tracer) { try await next(request, context) }
    }
}
