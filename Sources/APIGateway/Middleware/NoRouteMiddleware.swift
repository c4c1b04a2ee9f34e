import HTTPTypes
import Hummingbird

/// Paths that do not exist get a problem like everything else; those that exist say which methods they have.
struct NoRouteMiddleware: RouterMiddleware {
    let endpoints: [Endpoint]

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            guard let methods = endpoints.methods(at: request.uri.path) else { throw Problem.notFound }
            guard request.method == .options else { throw Problem.methodNotAllowed(methods) }
            return Response(status: .noContent, headers: [.allow: methods])
        }
    }
}
