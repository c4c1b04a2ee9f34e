import HTTPTypes
import Hummingbird
import Logging
import PetProContracts
import Rookery

/// The operations of the HTTP API.
struct Endpoints: Sendable {
    let services: Gateway.Services
    let hub: InventoryHub
    /// Reports whether the services can be used, for the public `GET /health/ready`.
    let health: HealthReporter
    let rates: RateLimiter
    let logger: Logger
    /// Returns a unique name.
    let newKey: @Sendable () -> String

    /// Every active or pending account, to read itself and to log out.
    static let accounts: Endpoint.Access = .roles(Role.allCases, evenPending: true)
    static let signedIn: Endpoint.Access = .roles([.customer, .vendor, .admin])
    static let customers: Endpoint.Access = .roles([.customer, .admin])
    static let vendorOwners: Endpoint.Access = .roles([.vendor, .admin])
    static let admins: Endpoint.Access = .roles([.admin])
    private static let operators: Endpoint.Access = .roles([.ops, .admin])

    var all: [Endpoint] {
        var endpoints = accounts + vendors + bookings + pets + products + operations + [erasure]
        let document = OpenAPI.document(endpoints + [Self.openAPI("")])
        endpoints.append(Self.openAPI(document.jsonText))
        return endpoints
    }

    /// Makes the operation that serves the OpenAPI document. The document is large and never changes, so it is encoded
    /// once.
    private static func openAPI(_ document: String) -> Endpoint {
        Endpoint(
            .get, "/openapi.json", "getOpenAPI", "Returns this OpenAPI document.", .init(), body: nil,
            output: .init(JSONValue.self, .ok)
        ) { _ in { _ in .json(text: document) } }
    }

    // MARK: Accounts

    private var accounts: [Endpoint] {
        [
            .with(
                reply: SigningKeySet.self, .get, "/.well-known/jwks.json", "getSigningKeys",
                "Returns the public keys of access tokens as a JWK Set, for services that check tokens themselves.",
                .init(calls: [AuthAPIContract.getSigningKeys]), isPublic: true
            ) { _ in try await services.auth.getSigningKeys() },
            .with(
                body: CreateUser.self, given: Self.registration(as: .customer), reply: User.self, .post,
                "/api/auth/register", "registerCustomer", "Registers a customer.",
                .init(calls: [AuthAPIContract.createUser], isKeyed: true, status: .created)
            ) { call, body in
                var user = body
                user.registrationKey = try call.idempotencyKey()
                return try await services.auth.createUser(user)
            },
            .with(
                body: Login.self, reply: TokenPair.self, .post, "/api/auth/login", "login",
                "Exchanges email and password for tokens.", .init(calls: [AuthAPIContract.login])
            ) { _, body in
                try rates.take(.signIn(EmailKey.of(body.email)))
                return try await services.auth.login(body)
            },
            .with(
                body: RefreshToken.self, reply: TokenPair.self, .post, "/api/auth/refresh", "refreshTokens",
                "Exchanges a refresh token for new tokens.", .init(calls: [AuthAPIContract.refreshToken])
            ) { _, body in try await services.auth.refreshToken(body) },
            .with(
                body: Logout.self, reply: Empty.self, .post, "/api/auth/logout", "logout",
                "Ends the session of a refresh token.",
                .init(access: Self.accounts, calls: [AuthAPIContract.logout])
            ) { _, body in
                try await services.auth.logout(body)
                return Empty()
            },
            .with(
                reply: User.self, .get, "/api/me", "getAccount", "Returns the account of the token.",
                .init(access: Self.accounts, calls: [AuthAPIContract.getUser])
            ) { call in try await services.auth.getUser(GetUser(id: try call.caller.id)) },
            export, passwordChange,
        ]
    }

    /// The members of a registration that a client cannot send.
    static func registration(as role: Role) -> GivenMembers {
        let absent: String? = nil
        return GivenMembers([
            "role": role, "registrationKey": absent, "registrationDigest": absent, "attempt": absent,
        ])
    }

    /// A placeholder for an id that the handler sets later.
    static let anyID = 1

    // MARK: Operations

    private var operations: [Endpoint] {
        [
            .with(
                reply: HealthView.self, .get, "/health/live", "getLiveness", "Reports that the gateway runs.", .init()
            ) { _ in HealthView(status: "live") },
            .with(
                reply: HealthView.self, .get, "/health/ready", "getReadiness", "Reports whether services are ready.",
                .init(refusals: [.notReady])
            ) { _ in
                guard await health.report()["status"]?.stringValue != Health.Status.notReady.rawValue else {
                    throw Problem.notReady
                }
                return HealthView(status: "ready")
            },
            .with(
                reply: OperationsView.self, .get, "/ops/health", "getServiceHealth",
                "Reports the health of each service and of the calls to it.",
                .init(access: Self.operators, refusals: [.notReady])
            ) { _ in
                let answers = await serviceHealth()
                let services = Dictionary(
                    uniqueKeysWithValues: answers.map { ($0.service.rawValue, $0.health.json) })
                guard answers.allSatisfy(\.health.isUsable) else {
                    var problem = Problem.notReady
                    problem.details = ["services": JSONValue(of: services)]
                    throw problem
                }
                return OperationsView(status: "ready", services: services)
            },
        ]
    }

    private func serviceHealth() async -> [(service: ServiceName, health: ServiceHealth)] {
        await withTaskGroup(of: (ServiceName, ServiceHealth).self) { group in
            for service in ServiceName.allCases { group.addTask { (service, await services.health(service)) } }
            var answers: [ServiceName: ServiceHealth] = [:]
            for await (service, health) in group { answers[service] = health }
            return ServiceName.allCases.compactMap { service in answers[service].map { (service, $0) } }
        }
    }
}
