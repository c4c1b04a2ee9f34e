import HTTPTypes
import Hummingbird
import Logging
import PetProContracts
import Rookery

/// The operations of the HTTP API.
struct Endpoints: Sendable {
    let services: Gateway.Services
    let hub: InventoryHub
    /// Whether the services can be used: what anyone may know.
    let health: HealthReporter
    let logger: Logger
    /// Makes a name that nothing else has.
    let newKey: @Sendable () -> String

    /// Whoever has an account, whatever its state: to see it, and to leave.
    private static let accounts: Endpoint.Access = .roles(Role.allCases, evenPending: true)
    static let signedIn: Endpoint.Access = .roles([.customer, .vendor, .admin])
    static let customers: Endpoint.Access = .roles([.customer, .admin])
    static let vendorOwners: Endpoint.Access = .roles([.vendor, .admin])
    static let admins: Endpoint.Access = .roles([.admin])
    private static let operators: Endpoint.Access = .roles([.ops, .admin])

    var all: [Endpoint] {
        var endpoints = accounts + vendors + bookings + pets + products + operations
        let document = OpenAPI.document(endpoints + [Self.openAPI("")])
        endpoints.append(Self.openAPI(document.jsonText))
        return endpoints
    }

    /// The document is text already: it is large, and the same for every request.
    private static func openAPI(_ document: String) -> Endpoint {
        Endpoint(
            .get, "/openapi.json", "getOpenAPI", "This description.", .init(), body: nil,
            output: .init(JSONValue.self, .ok)
        ) { _ in { _ in .json(text: document) } }
    }

    // MARK: Accounts

    private var accounts: [Endpoint] {
        [
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
                "Trades email and password for tokens.", .init(calls: [AuthAPIContract.login])
            ) { _, body in try await services.auth.login(body) },
            .with(
                body: RefreshToken.self, reply: TokenPair.self, .post, "/api/auth/refresh", "refreshTokens",
                "Trades a refresh token for new tokens.", .init(calls: [AuthAPIContract.refreshToken])
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
                reply: User.self, .get, "/api/me", "getAccount", "The account that the token speaks for.",
                .init(access: Self.accounts, calls: [AuthAPIContract.getUser])
            ) { call in try await services.auth.getUser(GetUser(id: try call.caller.id)) },
        ]
    }

    /// What a new account's owner does not decide.
    static func registration(as role: Role) -> GivenMembers {
        let absent: String? = nil
        return GivenMembers([
            "role": role, "registrationKey": absent, "registrationDigest": absent, "attempt": absent,
        ])
    }

    /// Stands for an id that is known only once the caller is.
    static let anyID = 1

    // MARK: Operations

    private var operations: [Endpoint] {
        [
            .with(
                reply: HealthView.self, .get, "/health/live", "getLiveness", "Whether the gateway runs.", .init()
            ) { _ in HealthView(status: "live") },
            .with(
                reply: HealthView.self, .get, "/health/ready", "getReadiness", "Whether the services can be used.",
                .init(refusals: [.notReady])
            ) { _ in
                guard await health.report()["status"]?.stringValue != Health.Status.notReady.rawValue else {
                    throw Problem.notReady
                }
                return HealthView(status: "ready")
            },
            .with(
                reply: OperationsView.self, .get, "/ops/health", "getServiceHealth",
                "How each service is, and how calls to it fare.",
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
