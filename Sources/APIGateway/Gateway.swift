import Foundation
import HTTPTypes
import Hummingbird
public import Logging
import NIOCore
public import PetProContracts
public import Rookery
public import ServiceLifecycle

/// The HTTP side of PetPro.
public struct Gateway: Service {
    /// Where to listen, and what to show.
    public struct Configuration: Sendable {
        /// The address to bind. Default `127.0.0.1`.
        public var host: String
        /// The port; 0 for any free one. Default 8080.
        public var port: Int
        /// The largest request body, in bytes. Default 256 KiB.
        public var maximumBodySize = 256 * 1024
        /// Whether responses say which calls they caused, in `X-PetPro-Calls`. For demonstrations. Default off.
        public var exposesCalls = false

        /// The defaults, at an address.
        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }
    }

    /// Clients for the four services.
    public struct Services: Sendable {
        let auth: any AuthAPI
        let bookings: any BookingAPI
        let vendors: any VendorAPI
        let products: any ProductAPI
        /// Finds out how a service is.
        let health: @Sendable (ServiceName) async -> ServiceHealth

        /// Names the services, and how to find out how one of them is.
        public init(
            auth: some AuthAPI, bookings: some BookingAPI, vendors: some VendorAPI, products: some ProductAPI,
            health: @escaping @Sendable (ServiceName) async -> ServiceHealth
        ) {
            self.auth = auth
            self.bookings = bookings
            self.vendors = vendors
            self.products = products
            self.health = health
        }
    }

    private let configuration: Configuration
    private let services: Services
    private let endpoints: [Endpoint]
    private let hub: InventoryHub
    private let callLog: CallLog
    private let traceId: @Sendable () -> String
    private let onRunning: @Sendable (Int) async -> Void
    private let logger: Logger

    /// Makes a gateway. `onRunning` is told the port once it listens.
    public init(
        configuration: Configuration, services: Services, callLog: CallLog = CallLog(),
        traceId: @escaping @Sendable () -> String, logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.services = services
        self.callLog = callLog
        self.traceId = traceId
        self.logger = logger
        self.onRunning = onRunning
        let hub = InventoryHub(products: services.products, logger: logger)
        self.hub = hub
        endpoints = Endpoints(services: services, hub: hub, logger: logger, newKey: traceId).all
    }

    /// Serves until graceful shutdown or cancellation; requests under way are finished.
    public func run() async throws {
        let router = Router(context: BasicRequestContext.self)
        for endpoint in endpoints {
            router.on(endpoint.routerPath, method: endpoint.method) { request, context in
                await answer(endpoint, request, context)
            }
        }
        router.add(middleware: NotFoundMiddleware(traceId: traceId))
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "PetPro"),
            services: [hub],
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        try await withGracefulShutdownHandler {
            try await application.run()
        } onGracefulShutdown: {
            hub.stop()
        }
    }

    /// The description of the API.
    public var openAPI: JSONValue { OpenAPI.document(endpoints) }

    private func answer(_ endpoint: Endpoint, _ request: Request, _ context: BasicRequestContext) async -> Response {
        let traceId = self.traceId()
        let began = NIODeadline.now()
        let trace = CallTrace(at: began)
        var response: Response
        defer { tellWhySlow(endpoint, traceId, trace, since: began) }
        do {
            response = try await CallTrace.$current.withValue(trace) {
                try await perform(endpoint, request, context, traceId)
            }
        } catch {
            let problem = Problem(answering: error)
            if problem.status.code >= 500 {
                logger.error(
                    "a request failed",
                    metadata: [
                        "path": "\(endpoint.path)", "status": "\(problem.status.code)", "traceId": "\(traceId)",
                        "error": "\(String(reflecting: error))", "calls": "\(trace)",
                    ])
            }
            response = problem.response(traceId: traceId)
        }
        response.headers[.traceId] = traceId
        if configuration.exposesCalls {
            let calls = callLog.calls(of: traceId).map { "\($0.caller)>\($0.callee).\($0.method)" }
            if !calls.isEmpty { response.headers[.petProCalls] = calls.joined(separator: ", ") }
        }
        return response
    }

    /// Requests that took longer are logged, with all that was decided about their calls. 1 s.
    private static let slow = TimeAmount.seconds(1)

    private func tellWhySlow(_ endpoint: Endpoint, _ traceId: String, _ trace: CallTrace, since began: NIODeadline) {
        let took = NIODeadline.now() - began
        guard took > Self.slow, !endpoint.path.hasSuffix("/stream") else { return }
        logger.notice(
            "a request was slow",
            metadata: [
                "path": "\(endpoint.path)", "traceId": "\(traceId)", "milliseconds": "\(took.nanoseconds / 1_000_000)",
                "calls": "\(trace)",
            ])
    }

    private func perform(
        _ endpoint: Endpoint, _ request: Request, _ context: BasicRequestContext, _ traceId: String
    ) async throws -> Response {
        // First what needs no call: a token that is missing, a body that is wrong.
        let token: String? =
            switch endpoint.access {
            case .everybody: nil
            case .roles: try Self.bearerToken(request)
            }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: configuration.maximumBodySize)
        } catch {
            throw Problem(
                .contentTooLarge, "TOO_LARGE", "The body is over \(configuration.maximumBodySize) bytes.")
        }
        var call = GatewayCall(
            request: request, parameters: context.parameters, body: body, traceId: traceId)
        try endpoint.check(call)
        let surroundings = MessageContext(
            pattern: "http", metadata: [CallLog.traceKey: traceId], peer: "gateway")
        return try await MessageContext.$source.withValue(surroundings) {
            if case .roles(let roles) = endpoint.access, let token {
                call.user = try await authenticate(token, roles)
            }
            return try await endpoint.handle(call)
        }
    }

    private static func bearerToken(_ request: Request) throws -> String {
        guard let header = request.headers[.authorization] else {
            throw Problem.unauthenticated("The Authorization header is missing.")
        }
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem.unauthenticated("The Authorization header must be: Bearer <token>.")
        }
        return String(parts[1])
    }

    /// Asks Auth each time: a revoked account is out at once. That Auth cannot be reached is 503, never 401, which would
    /// sign everybody out.
    private func authenticate(_ token: String, _ roles: [Role]) async throws -> TokenUser {
        let validation = try await services.auth.validateToken(ValidateToken(token: token))
        guard validation.valid, let user = validation.user else {
            throw Problem.unauthenticated("The token is not good: \(validation.reason ?? "unknown").")
        }
        guard roles.contains(user.role) else {
            throw Problem(.forbidden, "FORBIDDEN", "The role \(user.role.rawValue) may not do this.")
        }
        if user.state == .pendingVendor {
            throw Problem(.forbidden, "ACCOUNT_PENDING", "The account is not active yet.")
        }
        return user
    }
}

/// Paths that do not exist get a problem like everything else.
private struct NotFoundMiddleware<Context: RequestContext>: RouterMiddleware {
    let traceId: @Sendable () -> String

    @concurrent
    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return Problem(answering: error).response(traceId: traceId())
        }
    }
}
