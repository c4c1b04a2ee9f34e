import CoreMetrics
import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
public import PetProContracts
package import PetProRuntime
public import Rookery
package import RookeryCore
public import ServiceLifecycle
package import Tracing

/// The HTTP API of PetPro. It answers HTTP clients by calls to the four services.
public struct Gateway: Service {
    /// The address and the limits of a gateway.
    public struct Configuration: Sendable {
        /// The address to bind. Default `127.0.0.1`.
        public var host: String
        /// The port to bind; 0 for any free port. Default 8080.
        public var port: Int
        /// The limits on clients.
        public var limits = HTTPLimits()
        /// Limits how many requests of one operation are handled at once. Further requests wait for a permit, or are
        /// refused.
        package var shedding = Shedding()
        /// How many requests are handled at once by each operation that hashes a password. Further requests wait, and
        /// client addresses take turns round robin. Default 8.
        public var hashes = 8
        /// How long graceful shutdown waits for requests under way. Default 15 s.
        public var drainTimeout: Duration = .seconds(15)
        /// Whether responses list the calls that they caused, in `X-PetPro-Calls`. Only the tracer of demo mode keeps the
        /// calls. Default true.
        public var showsCalls = true
        /// How many requests a minute each account and address may send.
        public var rates = RateLimits()
        /// The proxies whose `X-Forwarded-For` tells a client's address: addresses and ranges with commas in between, such
        /// as `10.0.0.0/8`. Default none: the address of the connection counts.
        public var trustedProxies = ""
        /// The origins whose pages may call the API from a browser, with commas in between, such as
        /// `https://petpro.example`. Default none.
        public var origins = ""
        /// The TLS of the HTTP port. Default: none.
        package var tls = ServerTLS()
        /// The console.
        public var console = ConsoleConfiguration()

        /// Makes a configuration for an address, with defaults for everything else.
        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }
    }

    /// Returns the shedding of operations that hash a password: a fixed limit, ``Configuration/hashes``. It does not
    /// adapt, because Auth decides how many hashes run at once.
    private static func hashing(_ configuration: Configuration) -> Shedding {
        var shedding = configuration.shedding
        shedding.initial = configuration.hashes
        shedding.minimum = configuration.hashes
        shedding.maximum = configuration.hashes
        return shedding
    }

    /// The clients of the four services.
    public struct Services: Sendable {
        let auth: any AuthAPI
        let bookings: any BookingAPI
        let vendors: any VendorAPI
        let products: any ProductAPI
        /// Returns the health of a service.
        let health: @Sendable (ServiceName) async -> ServiceHealth
        /// Describes the log of events of a service, for the console.
        let eventLog: @Sendable (ServiceName) async throws -> EventLogDescription
        /// Has a service deliver a dead letter again, for the console.
        let replay: @Sendable (ServiceName, ReplayDeadLetter) async throws -> DeadLetterReplay
        /// Sends a command with any message, and perhaps an idempotency key, for the console. Returns the reply, nil if it has no value.
        let send: @Sendable (ServiceName, Command, JSONValue, String?) async throws -> JSONValue?

        /// Groups the clients. `health` returns the health of one service. By default, no log of events can be read or changed, and the
        /// console can send no command.
        public init(
            auth: some AuthAPI, bookings: some BookingAPI, vendors: some VendorAPI, products: some ProductAPI,
            health: @escaping @Sendable (ServiceName) async -> ServiceHealth,
            eventLog: @escaping @Sendable (ServiceName) async throws -> EventLogDescription = { _ in
                throw RemoteError("NOT_FOUND", "This gateway reads no log of events.")
            },
            replay: @escaping @Sendable (ServiceName, ReplayDeadLetter) async throws -> DeadLetterReplay = { _, _ in
                throw RemoteError("NOT_FOUND", "This gateway reads no log of events.")
            },
            send: @escaping @Sendable (ServiceName, Command, JSONValue, String?) async throws -> JSONValue? = {
                _, _, _, _ in throw RemoteError("NOT_FOUND", "This gateway sends no commands of the console.")
            }
        ) {
            self.auth = auth
            self.bookings = bookings
            self.vendors = vendors
            self.products = products
            self.health = health
            self.eventLog = eventLog
            self.replay = replay
            self.send = send
        }
    }

    private let configuration: Configuration
    private let services: Services
    private let audit: Auditor
    let endpoints: [Endpoint]
    let hub: InventoryHub
    let listener: HTTPListener
    private let rates: RateLimiter
    private let proxies: TrustedProxies
    private let origins: AllowedOrigins
    private let encryption: ServerEncryption?
    private let health: HealthReporter
    private let tracer: (any Tracer)?
    private let newTrace: @Sendable () -> Traceparent
    private let onRunning: @Sendable (Int) async -> Void
    /// The console. Nil where no spans are kept.
    private let console: Console?
    private let logger: Logger

    /// Makes a gateway, which ``run()`` starts.
    ///
    /// If `tracer` is a ``BoundedTracer``, responses can list the calls that they caused: ``Configuration/showsCalls``.
    /// `sources` are the services whose instances the console asks, by default none. With `collectsSpans`, they have the spans of their
    /// part of each request; without, all run in this process. `newTrace` makes the trace of a request that has none. The gateway calls `onRunning` with its port once it listens. Throws
    /// ``Rookery/InvalidSetting`` when a value in `configuration.limits` is out of range.
    package init(
        configuration: Configuration, services: Services, audit: Auditor = .none, tracer: (any Tracer)? = nil,
        sources: [SpanSource] = [], collectsSpans: Bool = false,
        newTrace: @escaping @Sendable () -> Traceparent = { .random() },
        logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        try configuration.limits.validate()
        self.configuration = configuration
        self.services = services
        self.audit = audit
        self.tracer = tracer
        self.newTrace = newTrace
        self.logger = logger
        self.onRunning = onRunning
        rates = RateLimiter(configuration.rates)
        proxies = try TrustedProxies(configuration.trustedProxies)
        origins = try AllowedOrigins(configuration.origins)
        encryption = try ServerEncryption(configuration.tls, logger: logger)
        var limits = configuration.limits
        if configuration.console.isOn, tracer is BoundedTracer {
            // Files of traces, and what programs send.
            limits.bodies = [
                "/console/api/traces": TracesEndpoint.bodyLimit, TracesEndpoint.path: TracesEndpoint.bodyLimit,
            ]
        }
        let listener = HTTPListener(limits, isEncrypted: encryption != nil, logger: logger)
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
        let endpoints =
            Endpoints(
                services: services, hub: hub, health: health, rates: rates, logger: logger,
                newKey: { newTrace().traceID }
            ).all
        self.endpoints = endpoints
        console = try (configuration.console.isOn ? tracer as? BoundedTracer : nil).map { tracer in
            try Self.console(
                configuration.console, services, tracer, sources, collectsSpans: collectsSpans, endpoints, logger)
        }
    }

    /// Serves until graceful shutdown or cancellation.
    ///
    /// Graceful shutdown closes connections without a complete request at once. It finishes the requests under way, for
    /// at most ``Configuration/drainTimeout``, and then closes the remaining connections. Throws
    /// ``RookeryTCP/CannotListen`` when the address cannot be bound.
    public func run() async throws {
        let hub = self.hub
        let listener = self.listener
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.health.run() }
            if let encryption { group.addTask { await encryption.watch() } }
            if let console { group.addTask { await console.collector.run() } }
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await self.serve()
                } onGracefulShutdown: {
                    listener.table.stop()
                    hub.stop()
                    console?.board.stop()
                }
            }
            group.addTask {
                // Enforces `drainTimeout`. The end of the server cancels this task.
                try? await gracefulShutdown()
                try? await Task.sleep(for: self.configuration.drainTimeout)
                if Task.isCancelled { return }
                self.logger.warning(
                    "closing connections that did not finish in time", metadata: ["count": "\(listener.table.count)"])
                listener.table.closeAll()
            }
            defer { group.cancelAll() }
            // `health.run()` and `watch()` end only by cancellation, so the server or the drain timeout ends first.
            try await group.next()
        }
    }

    private func serve() async throws {
        let router = Router(context: GatewayContext.self)
        // Hummingbird applies middleware only to the routes that are added after it.
        if let console { addConsole(console, to: router) }
        addMiddleware(to: router)
        for endpoint in endpoints {
            // Each operation has its own gate, so that a slow operation does not make the others wait.
            let gate = LoadGate(endpoint.hashes ? Self.hashing(configuration) : configuration.shedding)
            let audit = RequestAudit(endpoint)
            for method in endpoint.method == .get ? [.get, .head] : [endpoint.method] {
                router.on(endpoint.routerPath, method: method) { request, context in
                    try await answer(endpoint, gate, audit, request, context)
                }
            }
        }
        let listener = self.listener
        let isListening = Flag()
        let responder = router.buildResponder()
        let newTrace = self.newTrace
        let logger = self.logger
        let proxies = self.proxies
        let encryption = self.encryption
        let server = Server(
            childChannelSetup: HTTPChildChannel(listener: listener, encryption: encryption) { request, connection in
                let context = GatewayContext(source: connection.source(of: request, proxies))
                do {
                    return try await responder.respond(to: request, context: context)
                } catch {
                    return Problem(answering: error).response(traceId: newTrace().traceID)
                }
            } refuse: {
                $0.response(traceId: newTrace().traceID)
            },
            configuration: HummingbirdCore.ServerConfiguration(
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

    private func addConsole(_ console: Console, to router: Hummingbird.Router<GatewayContext>) {
        let failed: @Sendable (String) throws -> Void = { peer in
            try rates.take(.consoleTokens(peer))
        }
        let access = ConsoleAccess(
            sessions: ConsoleSessions(token: configuration.console.token), isDemo: configuration.console.isDemo,
            isEncrypted: encryption != nil, port: configuration.port,
            admission: { token, peer in
                try rates.check(.invalidTokens(peer))
                let user = try await authenticate(token, from: peer)
                try Self.check(user, .roles([.ops, .admin]))
                return ConsoleAccess.Account(id: user.id, role: user.role == .admin ? .admin : .ops)
            },
            role: { id in
                do {
                    let user = try await services.auth.getUser(GetUser(id: id))
                    guard user.state == .active else { return nil }
                    return user.role == .admin ? .admin : user.role == .ops ? .ops : nil
                } catch let error as RemoteError where error.code == .userNotFound {
                    return nil
                }
            }, audit: audit, failed: failed)
        console.add(to: router, access: access)
        if let token = configuration.console.tracesToken {
            TracesEndpoint(token: token, intake: console.collector.intake, failed: failed).add(to: router)
        }
    }

    /// The OpenAPI 3.1 document of the gateway's operations.
    public var openAPI: JSONValue { OpenAPI.document(endpoints) }

    /// Adds the middleware, outermost first: metrics, then ``TraceMiddleware``.
    private func addMiddleware(to router: Hummingbird.Router<GatewayContext>) {
        if !(MetricsSystem.factory is NOOPMetricsHandler) {
            router.add(middleware: MetricsContext())
            router.add(middleware: MetricsMiddleware())
        }
        router.add(
            middleware: TraceMiddleware(
                tracer: CallTracer(tracer), calls: configuration.showsCalls ? tracer as? BoundedTracer : nil,
                board: console?.board, counts: console?.counts, endpoints: endpoints, origins: origins,
                newTrace: newTrace, logger: logger))
    }

    private func answer(
        _ endpoint: Endpoint, _ gate: LoadGate, _ audit: RequestAudit, _ request: Request, _ context: GatewayContext
    ) async throws -> Response {
        let response = try await gate.admitting(context.peer) {
            // The client may have disconnected while the request waited for its permit.
            guard context.isOpen else { throw CancellationError() }
            return try await perform(endpoint, audit, request, context)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func perform(
        _ endpoint: Endpoint, _ recording: RequestAudit, _ request: Request, _ context: GatewayContext
    ) async throws -> Response {
        // Checks that need no call come first: a missing token, an invalid body.
        let token: String? =
            switch endpoint.access {
            case .anyone: nil
            case .anyoneOrKnown: request.headers[.authorization] == nil ? nil : try Self.bearerToken(request)
            case .roles: try Self.bearerToken(request)
            }
        if endpoint.limitsAddress { try rates.take(.address(context.peer)) }
        if endpoint.body != nil, !Self.isJSON(request.headers[.contentType]) { throw Problem.unsupportedMediaType }
        // The connection has already collected the body, within its limits.
        let body = try await request.body.collect(upTo: .max)
        var call = GatewayCall(request: request, context: context, body: body)
        let handle = try endpoint.prepare(call)
        if let token {
            try rates.check(.invalidTokens(context.peer))
            call.context.user = try await authenticate(token, from: context.peer)
        }
        do {
            if let user = call.user { try Self.check(user, endpoint.access) }
            let response = try await handle(call)
            if let event = recording.done(by: call.user, request) { audit.record(event) }
            return response
        } catch {
            if let event = recording.failed(error, by: call.user, request) { audit.record(event) }
            throw error
        }
    }

    /// Whether a `Content-Type` is `application/json`, with or without parameters.
    ///
    /// A page of another origin cannot send it without asking first (Fetch, CORS-safelisted request-header).
    static func isJSON(_ type: String?) -> Bool {
        guard let name = type?.split(separator: ";", maxSplits: 1).first else { return false }
        return name.filter { !$0.isWhitespace }.lowercased() == "application/json"
    }

    /// The longest token that the gateway sends to Auth, in bytes. Auth issues no longer ones.
    private static let longestToken = 4096

    static func bearerToken(_ request: Request) throws -> String {
        guard let header = request.headers[.authorization] else {
            throw Problem.unauthenticated("The Authorization header is missing.")
        }
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem.unauthenticated("The Authorization header must be: Bearer <token>.")
        }
        guard parts[1].utf8.count <= longestToken else {
            throw Problem.unauthenticated("The token is not valid: malformed.")
        }
        return String(parts[1])
    }

    /// Validates a token with Auth.
    ///
    /// The gateway asks Auth for each request, so a disabled account loses access at once. When Auth cannot be reached,
    /// the response is 503. A 401 would sign out all accounts.
    private func authenticate(_ token: String, from peer: String) async throws -> TokenUser {
        let validation = try await services.auth.validateToken(ValidateToken(token: token))
        guard validation.valid, let user = validation.user else {
            try rates.take(.invalidTokens(peer))
            throw Problem.unauthenticated("The token is not valid: \(validation.reason ?? "unknown").")
        }
        // Before the role is checked: a request that is refused counts too.
        try rates.take(.account(user.id, user.role))
        return user
    }

    /// Checks an account's role and state.
    private static func check(_ user: TokenUser, _ access: Endpoint.Access) throws {
        guard case .roles(let roles, let evenPending) = access else { return }
        guard roles.contains(user.role) else {
            throw Problem.forbidden("The role \(user.role.rawValue) may not do this.")
        }
        if user.state == .pendingVendor, !evenPending {
            throw Problem.accountPending
        }
    }
}
