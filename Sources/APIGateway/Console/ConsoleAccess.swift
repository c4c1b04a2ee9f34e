import HTTPTypes
import Hummingbird
import PetProRuntime
import Rookery

/// Says who may use the console, and how.
///
/// - In demo mode, a request from this machine under one of its own names is an administrator's.
/// - A browser with a session has the role that it signed in with.
/// - Any other request needs the access token of an operator or an administrator.
///
/// What acts needs an administrator, and with a cookie the session's CSRF token. A request from this machine under an unknown name is
/// refused, because it may be that of a page whose name was made to point here (DNS rebinding).
struct ConsoleAccess: Sendable {
    /// Returns the role of a token's account. Throws a 401 or a 403 for one that may not read, and a 429 for too many tries from an
    /// address.
    typealias Admission = @Sendable (_ token: String, _ peer: String) async throws -> Account
    /// An account that may read.
    struct Account: Sendable {
        let id: Int
        let role: ConsoleSessions.Role
    }

    let sessions: ConsoleSessions
    /// Whether the demo's data is all there is to see.
    let isDemo: Bool
    /// Whether the gateway's address begins with https.
    let isEncrypted: Bool
    /// The port, which is part of the cookie's name: cookies know no ports.
    let port: Int
    let admission: Admission
    /// The role that an account has now. Nil if it may not read any more.
    let role: @Sendable (_ account: Int) async throws -> ConsoleSessions.Role?
    let audit: Auditor
    /// Counts a wrong one-time token of an address. Throws a 429 when there were too many.
    let failed: @Sendable (_ peer: String) throws -> Void

    private var cookie: String { "petpro_console_\(port)" }

    /// The sender of a request, as far as the console knows it.
    struct Reader: Sendable {
        let role: ConsoleSessions.Role
        /// Nil without a session.
        var session: ConsoleSessions.Session?
        /// Who it is, in the audit log.
        var actor = "demo"
        /// Whether the request came in demo mode, from this machine.
        var isLocalDemo = false
    }

    /// Returns the sender of a request. Throws a ``Problem`` for one that may not read.
    func reader(_ request: Request, _ context: GatewayContext) async throws -> Reader {
        try checkHost(request, context)
        if let id = sessionID(request), let session = sessions[id], !Self.isOfOtherSite(request) {
            guard let account = sessions.dueAccount(id) else {
                return Reader(role: session.role, session: session, actor: session.actor)
            }
            do {
                if try await role(account) == session.role {
                    return Reader(role: session.role, session: session, actor: session.actor)
                }
            } catch {
                // An operator needs the console most while Auth is away. Until it answers, the session reads only.
                sessions.checkAgain(id)
                return Reader(role: .ops, session: session, actor: session.actor)
            }
            sessions.close(id)
            throw Problem.unauthenticated("The account has lost this role. Sign in again.")
        }
        if request.headers[.authorization] != nil {
            let account = try await admission(Gateway.bearerToken(request), context.peer)
            return Reader(role: account.role, actor: AuditEvent.user(account.id))
        }
        if isDemo, Self.isLocal(request, context) { return Reader(role: .admin, isLocalDemo: true) }
        throw Problem.unauthenticated(
            "Open the console's URL that the gateway printed at its start, or sign in as an operator or an administrator."
        )
    }

    /// Throws a ``Problem`` unless an administrator asks for something to be done, from a page of this origin. Returns the sender.
    func checkActs(_ request: Request, _ context: GatewayContext) async throws -> Reader {
        let reader = try await reader(request, context)
        guard reader.role == .admin else {
            audit.record(AuditEvent(.refused, actor: reader.actor, operation: "console", object: request.uri.path))
            throw Problem.forbidden("Only an administrator may do this.")
        }
        // A field of this name needs a page of another origin to ask first, and it is told no.
        let shown = request.headers[.csrfToken]
        if let session = reader.session {
            guard shown == session.csrf else { throw Problem.forbidden("X-CSRF-Token is not that of the session.") }
        } else if reader.isLocalDemo, shown == nil {
            throw Problem.forbidden("X-CSRF-Token is missing. In demo mode it may be anything.")
        }
        return reader
    }

    /// Throws a ``Problem`` for a request from this machine under an unknown name.
    func checkHost(_ request: Request, _ context: GatewayContext) throws {
        if !Self.isLoopback(context.peer) || Self.isForwarded(request) || Self.hasLocalName(request) { return }
        throw Problem.forbidden("On this machine, open the console as localhost or 127.0.0.1.")
    }

    // MARK: Sessions

    /// The response that opens a session.
    func opened(_ id: String, _ session: ConsoleSessions.Session) -> Response {
        audit.record(AuditEvent(.read, actor: session.actor, operation: "console", object: "/console/api/session"))
        return .json(
            json(Reader(role: session.role, session: session)),
            headers: [.cacheControl: "no-store", .setCookie: field(id, age: ConsoleSessions.age)])
    }

    /// The response that ends a session.
    func closed(_ request: Request) -> Response {
        if let id = sessionID(request) { sessions.close(id) }
        return Response(status: .noContent, headers: [.setCookie: field("", age: .zero)])
    }

    private func field(_ id: String, age: Duration) -> String {
        "\(cookie)=\(id); Path=/console; Max-Age=\(age.components.seconds); HttpOnly; SameSite=Strict"
            + (isEncrypted ? "; Secure" : "")
    }

    /// What a page needs to know about its own requests' sender.
    func json(_ reader: Reader) -> JSONValue {
        [
            "isDemo": .bool(isDemo),
            "role": .string(reader.role.rawValue), "csrf": .string(reader.session?.csrf ?? "demo"),
            "demo": .bool(reader.isLocalDemo), "signedIn": .bool(reader.session != nil),
        ]
    }

    private func sessionID(_ request: Request) -> String? {
        for part in (request.headers[.cookie] ?? "").split(separator: ";") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0].filter({ $0 != " " }) == cookie { return String(pair[1]) }
        }
        return nil
    }

    // MARK: This machine

    /// Whether a request comes from this machine, under one of its own names, and for no other client or site.
    static func isLocal(_ request: Request, _ context: GatewayContext) -> Bool {
        isLoopback(context.peer) && hasLocalName(request) && !isForwarded(request) && !isOfOtherSite(request)
    }

    private static func hasLocalName(_ request: Request) -> Bool {
        guard let authority = request.head.authority else { return false }
        let host = authority.prefix { $0 != ":" }
        return host == "localhost" || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// Whether a proxy on this machine says that it passes on the request of another client.
    private static func isForwarded(_ request: Request) -> Bool {
        let names = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"]
        let fields = names.compactMap { HTTPField.Name($0) }
        return fields.contains { request.headers.contains($0) }
    }

    /// Whether a browser says that a page of another site makes the request.
    private static func isOfOtherSite(_ request: Request) -> Bool {
        let site = HTTPField.Name("Sec-Fetch-Site").flatMap { request.headers[$0] }
        return site == "cross-site" || site == "same-site"
    }

    /// Only of IPv4: the name of an IPv6 peer is a /64, which does not tell.
    private static func isLoopback(_ peer: String) -> Bool { peer.hasPrefix("127.") }
}

extension HTTPField.Name {
    /// `X-CSRF-Token`: shows that a page of this origin makes the request.
    static let csrfToken = HTTPField.Name("X-CSRF-Token") ?? .ifMatch
}
