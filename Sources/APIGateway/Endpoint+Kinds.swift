import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

// The kinds of operations: what they take and give is said by types, and nowhere else.
extension Endpoint {
    /// An operation that takes a body, which is checked before anything else happens: a request that is wrong causes no call.
    /// `given` are members of the body's type that come from elsewhere; handlers overwrite them. `Empty` as the reply is an
    /// answer without a body.
    static func with<Body: Message, Reply: MessageValue>(
        body: Body.Type, given: GivenMembers = GivenMembers([:]), reply: Reply.Type, _ method: HTTPRequest.Method,
        _ path: String, _ id: String, _ summary: String, _ facts: Facts, location: (@Sendable (Reply) -> String)? = nil,
        handle: @escaping @Sendable (GatewayCall, Body) async throws -> Reply
    ) -> Endpoint {
        let output = Output(Reply.self, facts.status, hasLocation: location != nil)
        return Endpoint(
            method, path, id, summary, facts, body: Input(schema: Schema(of: Body.self), given: given), output: output
        ) { call in
            let body = try call.message(Body.self, given: given)
            return { output.response(try await handle($0, body), location: location) }
        }
    }

    /// An operation without a body, whose parameters are checked before anything else happens. `hiding` are members of the
    /// query's type that are no parameters; each is an optional.
    static func with<Query: Message, Reply: MessageValue>(
        query: Query.Type, hiding hidden: Set<String> = [], reply: Reply.Type, _ method: HTTPRequest.Method,
        _ path: String, _ id: String,
        _ summary: String, _ facts: Facts, isPublic: Bool = false,
        handle: @escaping @Sendable (GatewayCall, Query) async throws -> Reply
    ) -> Endpoint {
        let output = Output(Reply.self, facts.status)
        var facts = facts
        facts.query = Schema(of: Query.self)
        facts.hidden = hidden
        return Endpoint(method, path, id, summary, facts, body: nil, output: output) { call in
            let query = try call.query(Query.self, hiding: hidden)
            return { output.response(try await handle($0, query), isPublic: isPublic) }
        }
    }

    /// An operation without body and parameters.
    static func with<Reply: MessageValue>(
        reply: Reply.Type, _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String,
        _ facts: Facts, isPublic: Bool = false, handle: @escaping @Sendable (GatewayCall) async throws -> Reply
    ) -> Endpoint {
        let output = Output(Reply.self, facts.status)
        return Endpoint(method, path, id, summary, facts, body: nil, output: output) { _ in
            { output.response(try await handle($0), isPublic: isPublic) }
        }
    }

    /// An operation that answers with Server-Sent Events.
    static func stream(
        _ path: String, _ id: String, _ summary: String, _ facts: Facts, handle: @escaping Handler
    ) -> Endpoint {
        let output = Output(status: .ok, mediaType: "text/event-stream", schema: Schema(of: String.self))
        return Endpoint(.get, path, id, summary, facts, body: nil, output: output) { _ in handle }
    }
}

extension Endpoint.Output {
    /// JSON of a type; no body at all for `Empty`.
    init<Reply: MessageValue>(_: Reply.Type, _ status: HTTPResponse.Status, hasLocation: Bool = false) {
        let isEmpty = Reply.self is Empty.Type
        self.init(
            status: isEmpty ? .noContent : status, mediaType: "application/json",
            schema: isEmpty ? nil : Schema(of: Reply.self),
            hasLocation: hasLocation)
    }

    /// What concerns one account, or one moment, is kept by nothing.
    func response<Reply: MessageValue>(
        _ reply: Reply, location: (@Sendable (Reply) -> String)? = nil, isPublic: Bool = false
    ) -> Response {
        if schema == nil { return Response(status: status) }
        var headers: HTTPFields = isPublic || location != nil ? [:] : [.cacheControl: "no-store"]
        if let location { headers[.location] = location(reply) }
        return .json(reply, status: status, headers: headers)
    }
}
