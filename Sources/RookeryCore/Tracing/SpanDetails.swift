package import NIOCore
import Tracing

/// What the toolkit records at the start of a span.
///
/// ``BoundedTracer`` keeps it as it is. For other tracers it becomes attributes, named by OpenTelemetry's semantic
/// conventions 1.44 for RPC and HTTP.
package enum SpanDetails: Sendable {
    /// A call at its client. `to` is the client's name of the service, and `deadline` when the client stops waiting.
    case call(Command, to: String?, deadline: NIODeadline?)
    /// One attempt of a call, with its number, at an instance.
    indirect case attempt(Command, Int, host: String, port: Int)
    /// The handling of a message at its server.
    case handling(Command, service: String?, MessageOrigin)
    /// A request to an HTTP gateway.
    case request(method: String, path: String)

    /// The name of the span at its start.
    var name: String {
        switch self {
        case .call(let command, _, _), .handling(let command, _, _): command.wireName
        case .attempt: "attempt"
        case .request(let method, _): "HTTP \(method) route not found"
        }
    }

    /// What a span adds to the way of its request.
    enum Step {
        /// Its beginning.
        case request
        /// A command that is called or handled, by its fingerprint.
        case command(UInt64)
        /// Nothing: an attempt.
        case none
    }

    var step: Step {
        switch self {
        case .call(let command, _, _): .command(command.fingerprint)
        case .handling(let command, _, _): .command(~command.fingerprint)
        case .attempt: .none
        case .request: .request
        }
    }

    var kind: SpanKind {
        switch self {
        case .call, .attempt: .client
        case .handling, .request: .server
        }
    }

    /// The attributes at the start of the span.
    var attributes: SpanAttributes {
        var attributes = SpanAttributes()
        switch self {
        case .call(let command, let service, _):
            attributes.add(command)
            if let service { attributes["rookery.destination"] = service }
        case .attempt(let command, let number, let host, let port):
            attributes.add(command)
            attributes["rookery.attempt"] = number
            attributes["server.address"] = host
            attributes["server.port"] = port
        case .handling(let command, let service, let origin):
            attributes.add(command)
            attributes["network.peer.address"] = origin.peer
            if let service { attributes["rookery.service"] = service }
            if let caller = origin.caller {
                attributes["rookery.caller"] = caller.service
                attributes["rookery.caller.key"] = caller.keyID
            }
        case .request(let method, let path):
            attributes["http.request.method"] = method
            attributes["url.path"] = path
        }
        return attributes
    }
}

extension SpanAttributes {
    fileprivate mutating func add(_ command: Command) {
        self["rpc.system.name"] = "nestjs"
        self["rpc.method"] = command.pattern.route
        self["rookery.command"] = command.name
    }
}
