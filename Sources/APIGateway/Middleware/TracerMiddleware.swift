import Hummingbird
import Tracing

/// Has what is inside use a tracer of its own, in place of the one that is bootstrapped for the process.
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
