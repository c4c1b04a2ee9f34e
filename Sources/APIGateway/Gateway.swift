import HTTPTypes
import Hummingbird
import HummingbirdCore
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
        /// What clients may ask for.
        public var limits = HTTPLimits()
        /// How many requests of an operation are answered at once, and what becomes of the others.
        public var shedding = AdaptiveLimit.Configuration()
        /// How many requests that need a password hashed are answered at once, of each such operation; the others wait, each
        /// client address in turn. Default 8.
        public var hashes = 8
        /// How long a stop waits for requests under way. Default 15 s.
        public var drainTimeout: Duration = .seconds(15)

        /// The defaults, at an address.
        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }
    }

    /// A fixed limit: a hash takes what it takes, and how many there are at once is Auth's to say.
    private static func hashing(_ configuration: Configuration) -> AdaptiveLimit.Configuration {
        var shedding = configuration.shedding
        shedding.initial = configuration.hashes
        shedding.minimum = configuration.hashes
        shedding.maximum = configuration.hashes
        return shedding
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
    let endpoints: [Endpoint]
    let hub: InventoryHub
    let listener: HTTPListener
    private let health: HealthReporter
    private let callLog: CallLog?
    private let traceId: @Sendable () -> String
    private let onRunning: @Sendable (Int) async -> Void
    private let logger: Logger

    /// Makes a gateway. With a `callLog`, responses say which calls they caused, in `X-PetPro-Calls`. `onRunning` is told
    /// the port once it listens. Throws ``HTTPLimits/Invalid``.
    public init(
        configuration: Configuration, services: Services, callLog: CallLog? = nil,
        traceId: @escaping @Sendable () -> String, logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        try configuration.limits.validate()
        self.configuration = configuration
        self.services = services
        self.callLog = callLog
        self.traceId = traceId
        self.logger = logger
        self.onRunning = onRunning
        let listener = HTTPListener(configuration.limits, logger: logger)
        self.listener = listener
        hub = InventoryHub(products: services.products, limits: configuration.limits, logger: logger)
        health = HealthReporter(
            service: "gateway", instance: "gateway",
            checks: ServiceName.allCases.map { service in
                HealthCheck(service.rawValue) {
                    if await !services.health(service).isUsable { throw HealthCheck.Failed("it cannot be used") }
                }
            },
            logger: logger
        ) { listener.table.isStopping }
        endpoints =
            Endpoints(services: services, hub: hub, health: health, logger: logger, newKey: traceId).all
    }

    /// Serves until graceful shutdown or cancellation. A stop finishes the requests that are under way, for at most
    /// ``Configuration/drainTimeout``; connections without a complete request are closed at once. Throws
    /// ``RookeryTCP/CannotListen`` when the address cannot be bound.
    public func run() async throws {
        let hub = self.hub
        let listener = self.listener
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.health.run() }
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await self.serve()
                } onGracefulShutdown: {
                    listener.table.stop()
                    hub.stop()
                }
            }
            group.addTask {
                // Ended by the end of the server as well; whatever clients do, this is when it stops.
                try? await gracefulShutdown()
                try? await Task.sleep(for: self.configuration.drainTimeout)
                if Task.isCancelled { return }
                self.logger.warning(
                    "closing connections that did not finish in time", metadata: ["count": "\(listener.table.count)"])
                listener.table.closeAll()
            }
            defer { group.cancelAll() }
            // Health ends only when it is cancelled: first comes the server, or the end of the time to drain.
            try await group.next()
        }
    }

    private func serve() async throws {
        let router = Router(context: GatewayContext.self)
        for endpoint in endpoints {
            // Each operation has its own: one that takes long must not keep the others waiting.
            let gate = LoadGate(endpoint.hashes ? Self.hashing(configuration) : configuration.shedding)
            for method in endpoint.method == .get ? [.get, .head] : [endpoint.method] {
                router.on(endpoint.routerPath, method: method) { request, context in
                    await answer(endpoint, gate, request, context)
                }
            }
        }
        let endpoints = self.endpoints
        let traceId = self.traceId
        router.add(middleware: NoRouteMiddleware(endpoints: endpoints, traceId: traceId))
        let listener = self.listener
        let isListening = Flag()
        let responder = router.buildResponder()
        let logger = self.logger
        let server = Server(
            childChannelSetup: HTTPChildChannel(listener: listener) { request, connection in
                let context = GatewayContext(source: connection.source)
                do {
                    return try await responder.respond(to: request, context: context)
                } catch {
                    return Problem(answering: error).response(traceId: traceId())
                }
            } refuse: {
                $0.response(traceId: traceId())
            },
            configuration: ServerConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024),
            onServerRunning: { channel in
                isListening.raise()
                await onRunning(channel.localAddress?.port ?? configuration.port)
            },
            eventLoopGroup: EventLoops.shared.group, logger: logger)
        do {
            try await ServiceGroup(configuration: .init(services: [hub, server], logger: logger)).run()
        } catch {
            if isListening.isRaised { throw error }
            throw CannotListen(host: configuration.host, port: configuration.port, cause: "\(error)")
        }
    }

    /// The description of the API.
    public var openAPI: JSONValue { OpenAPI.document(endpoints) }

    private func answer(
        _ endpoint: Endpoint, _ gate: LoadGate, _ request: Request, _ context: GatewayContext
    ) async -> Response {
        let traceId = self.traceId()
        let began = NIODeadline.now()
        let trace = CallTrace(at: began)
        var response: Response
        defer { tellWhySlow(endpoint, traceId, trace, since: began) }
        do {
            response = try await CallTrace.$current.withValue(trace) {
                try await gate.admitting(context.peer) {
                    // It waited, and its client has left meanwhile.
                    guard context.isOpen else { throw CancellationError() }
                    return try await perform(endpoint, request, context, traceId)
                }
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
        if let callLog {
            let calls = callLog.calls(of: traceId).map { "\($0.caller)>\($0.callee).\($0.method)" }
            if !calls.isEmpty { response.headers[.petProCalls] = calls.joined(separator: ", ") }
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// Requests that took longer are logged, with all that was decided about their calls. 1 s.
    private static let slow = TimeAmount.seconds(1)

    private func tellWhySlow(_ endpoint: Endpoint, _ traceId: String, _ trace: CallTrace, since began: NIODeadline) {
        let took = NIODeadline.now() - began
        guard took > Self.slow, !endpoint.isStream else { return }
        logger.notice(
            "a request was slow",
            metadata: [
                "path": "\(endpoint.path)", "traceId": "\(traceId)", "milliseconds": "\(took.nanoseconds / 1_000_000)",
                "calls": "\(trace)",
            ])
    }

    private func perform(
        _ endpoint: Endpoint, _ request: Request, _ context: GatewayContext, _ traceId: String
    ) async throws -> Response {
        // First what needs no call: a token that is missing, a body that is wrong.
        let token: String? =
            switch endpoint.access {
            case .everybody: nil
            case .everybodyOrKnown: request.headers[.authorization] == nil ? nil : try Self.bearerToken(request)
            case .roles: try Self.bearerToken(request)
            }
        // The connection has collected it already, within its limits.
        let body = try await request.body.collect(upTo: .max)
        var call = GatewayCall(request: request, context: context, body: body, traceId: traceId)
        let handle = try endpoint.prepare(call)
        let surroundings = MessageContext(
            pattern: "http", metadata: [MessageContext.requestIDKey: traceId], peer: "gateway")
        return try await MessageContext.$source.withValue(surroundings) {
            if let token { call.user = try await authenticate(token, endpoint.access) }
            return try await handle(call)
        }
    }

    /// What is longer is no token of ours, and Auth need not be asked.
    private static let longestToken = 4096

    private static func bearerToken(_ request: Request) throws -> String {
        guard let header = request.headers[.authorization] else {
            throw Problem.unauthenticated("The Authorization header is missing.")
        }
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem.unauthenticated("The Authorization header must be: Bearer <token>.")
        }
        guard parts[1].utf8.count <= longestToken else {
            throw Problem.unauthenticated("The token is not good: malformed.")
        }
        return String(parts[1])
    }

    /// Asks Auth each time: a revoked account is out at once. That Auth cannot be reached is 503, never 401, which would
    /// sign everybody out.
    private func authenticate(_ token: String, _ access: Endpoint.Access) async throws -> TokenUser {
        let validation = try await services.auth.validateToken(ValidateToken(token: token))
        guard validation.valid, let user = validation.user else {
            throw Problem.unauthenticated("The token is not good: \(validation.reason ?? "unknown").")
        }
        guard case .roles(let roles, let evenPending) = access else { return user }
        guard roles.contains(user.role) else {
            throw Problem.forbidden("The role \(user.role.rawValue) may not do this.")
        }
        if user.state == .pendingVendor, !evenPending {
            throw Problem(.forbidden, "ACCOUNT_PENDING", "The account is not active yet.")
        }
        return user
    }
}

/// Paths that do not exist get a problem like everything else; those that exist say which methods they have.
private struct NoRouteMiddleware: RouterMiddleware {
    let endpoints: [Endpoint]
    let traceId: @Sendable () -> String

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            guard let methods = endpoints.methods(at: request.uri.path) else {
                let response = Problem.notFound.response(traceId: traceId())
                return request.method == .head ? response.createHeadResponse() : response
            }
            guard request.method == .options else {
                let response = Problem.methodNotAllowed(methods).response(traceId: traceId())
                return request.method == .head ? response.createHeadResponse() : response
            }
            return Response(status: .noContent, headers: [.allow: methods, .traceId: traceId()])
        } catch {
            return Problem(answering: error).response(traceId: traceId())
        }
    }
}
