import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

/// One operation of the HTTP API: what is documented and what is served are the same value.
struct Endpoint: Sendable {
    /// Who may use an operation.
    enum Access: Sendable, Hashable {
        case anyone
        /// Anyone; a token, if there is one, says who it is, and must be good.
        case anyoneOrKnown
        /// Accounts in these roles, once they are active; with `evenPending`, before that too.
        case roles([Role], evenPending: Bool = false)
    }

    /// What an operation takes in its body, or as parameters.
    struct Input: Sendable {
        let schema: Schema
        /// Members that come from elsewhere: a client cannot send them.
        let given: GivenMembers
    }

    /// What an operation answers when all goes well.
    struct Output: Sendable {
        let status: HTTPResponse.Status
        let mediaType: String
        /// Nil for an answer without a body.
        let schema: Schema?
        /// Whether it has a `Location`.
        var hasLocation = false
    }

    let method: HTTPRequest.Method
    /// With parameters in braces: `/api/bookings/{id}`.
    let path: String
    /// The name by which generated clients call it.
    let id: String
    let summary: String
    let access: Access
    /// The commands that it may call: their errors are its own.
    let calls: [Command]
    /// Whether an `Idempotency-Key` makes it safe to send again.
    let isKeyed: Bool
    /// Further codes with which it refuses.
    let refusals: [Problem]
    let body: Input?
    let query: [FieldSchema]
    let output: Output
    /// Checks what can be checked without asking a service, and gives what then answers.
    let prepare: @Sendable (GatewayCall) throws -> Handler

    /// Answers a request.
    typealias Handler = @Sendable (GatewayCall) async throws -> Response

    /// What all operations have in common.
    struct Facts: Sendable {
        var access = Access.anyone
        var calls: [Command] = []
        var isKeyed = false
        var refusals: [Problem] = []
        var query: Schema?
        var hidden: Set<String> = []
        var status = HTTPResponse.Status.ok
    }

    init(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, _ facts: Facts, body: Input?,
        output: Output, prepare: @escaping @Sendable (GatewayCall) throws -> Handler
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.summary = summary
        access = facts.access
        calls = facts.calls
        isKeyed = facts.isKeyed
        refusals = facts.refusals
        query = (facts.query?.fields ?? []).filter { !facts.hidden.contains($0.name) }
        self.body = body
        self.output = output
        self.prepare = prepare
    }

    /// Whether it has a password hashed, which takes a core for a good part of a second.
    var hashes: Bool { calls.contains { $0.group == AuthGroups.passwords } }

    /// Whether it is answered for as long as its client listens.
    var isStream: Bool { output.mediaType == "text/event-stream" }

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
