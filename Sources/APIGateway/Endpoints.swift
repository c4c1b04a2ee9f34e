import HTTPTypes
import Hummingbird
import Logging
import PetProContracts
import Rookery

/// The operations of the HTTP API.
struct Endpoints: Sendable {
    let services: Gateway.Services
    let hub: InventoryHub
    /// Whether the services can be used: what everybody may know.
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
        Endpoint(.get, "/openapi.json", "This description.", statuses: [200]) { _ in .json(text: document) }
    }

    static let page: [(name: String, schema: Schema)] = [("limit", .integer(1...100)), ("after", .id)]

    // MARK: Accounts

    private var accounts: [Endpoint] {
        [
            Endpoint(
                .post, "/api/auth/register", "Registers a customer.", body: RegisterBody.self,
                statuses: [201, 400, 409, 422, 503, 504]
            ) { call, body in
                let user = try await services.auth.createUser(
                    CreateUser(
                        email: body.email, password: body.password, name: body.name, role: .customer,
                        registrationKey: try call.idempotencyKey()))
                return .privateJSON(user, status: .created)
            },
            Endpoint(
                .post, "/api/auth/login", "Trades email and password for tokens.", body: LoginBody.self,
                statuses: [200, 400, 401, 403, 503, 504]
            ) { _, body in
                .privateJSON(try await services.auth.login(Login(email: body.email, password: body.password)))
            },
            Endpoint(
                .post, "/api/auth/refresh", "Trades a refresh token for new tokens.", body: RefreshBody.self,
                statuses: [200, 400, 401, 503, 504]
            ) { _, body in
                .privateJSON(try await services.auth.refreshToken(RefreshToken(refreshToken: body.refreshToken)))
            },
            Endpoint(
                .post, "/api/auth/logout", "Ends the session of a refresh token.", Self.accounts,
                body: RefreshBody.self, statuses: [204, 400, 401, 503, 504]
            ) { _, body in
                try await services.auth.logout(Logout(refreshToken: body.refreshToken))
                return Response(status: .noContent)
            },
            Endpoint(
                .get, "/api/me", "The account that the token speaks for.", Self.accounts,
                statuses: [200, 401, 503, 504]
            ) { call in
                .privateJSON(try await services.auth.getUser(GetUser(id: try call.caller.id)))
            },
        ]
    }

    // MARK: Operations

    private var operations: [Endpoint] {
        [
            Endpoint(.get, "/health/live", "Whether the gateway runs.", statuses: [200]) { _ in
                .privateJSON(JSONValue.object(["status": "live"]))
            },
            Endpoint(.get, "/health/ready", "Whether the services can be used.", statuses: [200, 503]) { _ in
                let isReady = await health.report()["status"]?.stringValue != Health.Status.notReady.rawValue
                return .privateJSON(
                    JSONValue.object(["status": isReady ? "ready" : "not_ready"]),
                    status: isReady ? .ok : .serviceUnavailable)
            },
            Endpoint(
                .get, "/ops/health", "How each service is, and how calls to it fare.", Self.operators,
                statuses: [200, 401, 403, 503]
            ) { _ in
                let answers = await serviceHealth()
                let isReady = answers.allSatisfy(\.health.isUsable)
                var details = JSONObject()
                for (service, health) in answers { details[service.rawValue] = health.json }
                return .privateJSON(
                    JSONValue.object(["status": isReady ? "ready" : "not_ready", "services": .object(details)]),
                    status: isReady ? .ok : .serviceUnavailable)
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
