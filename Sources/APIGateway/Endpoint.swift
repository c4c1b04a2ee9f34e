import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

/// One operation of the HTTP API. The gateway serves and documents an operation from the same value.
struct Endpoint: Sendable {
    /// The callers that may use an operation.
    enum Access: Sendable, Hashable {
        case anyone
        /// Anyone. A token is optional, but one that the client sends must be valid.
        case anyoneOrKnown
        /// Active accounts in these roles. With `evenPending`, pending accounts too.
        case roles([Role], evenPending: Bool = false)
    }

    /// The request body of an operation.
    struct Input: Sendable {
        let schema: Schema
        /// Members that a client cannot send, because the handler sets them.
        let given: GivenMembers
    }

    /// The response of an operation that succeeds.
    struct Output: Sendable {
        let status: HTTPResponse.Status
        let mediaType: String
        /// Nil when the response has no body.
        let schema: Schema?
        /// Whether the response has a `Location` header field.
        var hasLocation = false
    }

    let method: HTTPRequest.Method
    /// The path, with parameters in braces: `/api/bookings/{id}`.
    let path: String
    /// The OpenAPI `operationId`, from which generated clients name their methods.
    let id: String
    let summary: String
    let access: Access
    /// The commands that the operation may call. Its documented errors include theirs.
    let calls: [Command]
    /// Whether an `Idempotency-Key` makes the request safe to repeat.
    let isKeyed: Bool
    /// Refusals that the commands in ``calls`` do not declare.
    let refusals: [Problem]
    let body: Input?
    let query: [FieldSchema]
    let output: Output
    /// Checks the request without a call, and returns the handler that answers it.
    let prepare: @Sendable (GatewayCall) throws -> Handler

    /// Answers a request.
    typealias Handler = @Sendable (GatewayCall) async throws -> Response

    /// The attributes that every kind of operation has.
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

    /// Whether the operation hashes a password, which keeps a core busy for a large part of a second.
    var hashes: Bool { calls.contains { $0.group == AuthGroups.passwords } }

    /// Whether requests without a token are counted by the client's address: registrations, sign-ins and refreshes.
    var limitsAddress: Bool { access == .anyone && method == .post }

    /// Whether the response is all that the services keep about the caller.
    var isExport: Bool { path == "/api/me/export" }

    /// Whether a rate limit applies.
    var isLimited: Bool { limitsAddress || access != .anyone }

    /// Whether the response is an event stream, which lasts until the client disconnects.
    var isStream: Bool { output.mediaType == "text/event-stream" }

    /// The path in the form of Hummingbird's router.
    var routerPath: RouterPath { RouterPath(path) }

    /// The method and the path, as the console names the operation.
    var operation: String { "\(method.rawValue) \(path)" }

    /// Returns whether the segments of a request's path match this operation's path.
    func matches(_ segments: [Substring]) -> Bool {
        let own = path.split(separator: "/")
        return own.count == segments.count && zip(own, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

extension [Endpoint] {
    /// Returns the methods of a path as the value of `Allow`, or nil when no operation has the path.
    func methods(at path: String) -> String? {
        let segments = path.split(separator: "/")
        let methods = filter { $0.matches(segments) }.map(\.method)
        if methods.isEmpty { return nil }
        let others: [HTTPRequest.Method] = methods.contains(.get) ? [.head, .options] : [.options]
        return (methods + others).map(\.rawValue).joined(separator: ", ")
    }
}
