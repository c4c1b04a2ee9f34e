import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

// The kinds of operations. Types declare what an operation takes and returns.
extension Endpoint {
    /// Makes an operation that takes a body.
    ///
    /// The gateway checks the body before any call, so an invalid request causes no call. `given` holds members of the
    /// body's type that a client cannot send; the handler overwrites them. With `Empty` as the reply type, the response
    /// is 204 without a body.
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

    /// Makes an operation that takes query parameters and no body.
    ///
    /// The gateway checks the parameters before any call. `hiding` names members of the query's type that are not
    /// parameters. Each of them must be optional.
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

    /// Makes an operation without a body and without query parameters.
    static func with<Reply: MessageValue>(
        reply: Reply.Type, _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String,
        _ facts: Facts, isPublic: Bool = false, handle: @escaping @Sendable (GatewayCall) async throws -> Reply
    ) -> Endpoint {
        let output = Output(Reply.self, facts.status)
        return Endpoint(method, path, id, summary, facts, body: nil, output: output) { _ in
            { output.response(try await handle($0), isPublic: isPublic) }
        }
    }

    /// Makes an operation that responds with Server-Sent Events.
    static func stream(
        _ path: String, _ id: String, _ summary: String, _ facts: Facts, handle: @escaping Handler
    ) -> Endpoint {
        let output = Output(status: .ok, mediaType: "text/event-stream", schema: Schema(of: String.self))
        return Endpoint(.get, path, id, summary, facts, body: nil, output: output) { _ in handle }
    }
}

extension Endpoint.Output {
    /// Describes a JSON response of type `Reply`. For `Empty` it is 204 without a body.
    init<Reply: MessageValue>(_: Reply.Type, _ status: HTTPResponse.Status, hasLocation: Bool = false) {
        let isEmpty = Reply.self is Empty.Type
        self.init(
            status: isEmpty ? .noContent : status, mediaType: "application/json",
            schema: isEmpty ? nil : Schema(of: Reply.self),
            hasLocation: hasLocation)
    }

    /// Encodes a reply. A response that is not public and has no `Location` gets `Cache-Control: no-store`.
    func response<Reply: MessageValue>(
        _ reply: Reply, location: (@Sendable (Reply) -> String)? = nil, isPublic: Bool = false
    ) -> Response {
        if schema == nil { return Response(status: status) }
        var headers: HTTPFields = isPublic || location != nil ? [:] : [.cacheControl: "no-store"]
        if let location { headers[.location] = location(reply) }
        return .json(reply, status: status, headers: headers)
    }
}
