import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

/// One operation of the HTTP API: what is documented and what is served are the same value.
struct Endpoint: Sendable {
    /// Who may use an operation.
    enum Access: Sendable, Hashable {
        case everybody
        /// Everybody; a token, if there is one, says who it is, and must be good.
        case everybodyOrKnown
        /// Accounts in these roles, once they are active; with `evenPending`, before that too.
        case roles([Role], evenPending: Bool = false)
    }

    let method: HTTPRequest.Method
    /// With parameters in braces: `/api/bookings/{id}`.
    let path: String
    let summary: String
    let access: Access
    /// The schema of the body, if it has one.
    let body: Schema?
    /// Parameters of the query.
    let query: [(name: String, schema: Schema)]
    /// The statuses it answers with, besides 500.
    let statuses: [Int]
    /// Checks what can be checked without asking a service, and gives what then answers.
    let prepare: @Sendable (GatewayCall) throws -> Handler

    /// Answers a request.
    typealias Handler = @Sendable (GatewayCall) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ access: Access = .everybody,
        query: [(name: String, schema: Schema)] = [], statuses: [Int],
        handle: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.access = access
        self.body = nil
        self.query = query
        self.statuses = statuses
        self.prepare = { _ in handle }
    }

    /// An operation with a body, which is checked before anything else happens: a request that is wrong causes no call.
    init<Body: DescribedMessage>(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ access: Access = .everybody, body: Body.Type,
        statuses: [Int], handle: @escaping @Sendable (GatewayCall, Body) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.access = access
        self.body = Body.schema
        self.query = []
        self.statuses = statuses
        self.prepare = { call in
            let body = try call.message(Body.self)
            return { try await handle($0, body) }
        }
    }

    /// Whether it has a password hashed, which takes a core for a good part of a second.
    var hashes: Bool {
        method == .post && ["/api/auth/login", "/api/auth/register", "/api/vendors"].contains(path)
    }

    /// Whether it is answered for as long as its client listens.
    var isStream: Bool { path.hasSuffix("/stream") }

    /// The path as Hummingbird's router takes it.
    var routerPath: RouterPath { RouterPath(path) }

    /// Whether a request's path is this operation's.
    func matches(_ segments: [Substring]) -> Bool {
        let own = path.split(separator: "/")
        return own.count == segments.count && zip(own, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

extension [Endpoint] {
    /// The methods that a path has, for an `Allow` header field; nil when there is no such path.
    func methods(at path: String) -> String? {
        let segments = path.split(separator: "/")
        let methods = filter { $0.matches(segments) }.map(\.method)
        if methods.isEmpty { return nil }
        let others: [HTTPRequest.Method] = methods.contains(.get) ? [.head, .options] : [.options]
        return (methods + others).map(\.rawValue).joined(separator: ", ")
    }
}
