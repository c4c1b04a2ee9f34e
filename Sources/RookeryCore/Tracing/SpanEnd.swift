import Tracing

/// What the toolkit records at the end of a span. Small, because each span keeps one, and most of them are `succeeded`.
package enum SpanEnd: Sendable {
    /// A call, or the handling of a message, succeeded.
    case succeeded
    /// A call, or the handling of a message, ended with an error: a failure or a refusal.
    indirect case error(CallOutcome)
    /// The response to an HTTP request, and the route that matched it. Nil if none did.
    indirect case response(status: Int, route: String?)

    /// The end of a call, or of the handling of a message.
    package init(_ outcome: CallOutcome) { self = outcome.code == nil ? .succeeded : .error(outcome) }

    var isFailure: Bool {
        switch self {
        case .succeeded: false
        case .error(let outcome): outcome.isFailure
        case .response(let status, _): status >= 500
        }
    }

    /// The new name of the span. Nil if the name stays.
    var name: String? {
        switch self {
        case .succeeded, .error: nil
        case .response(_, let route): route
        }
    }

    /// Adds the attributes at the end of the span.
    func add(to attributes: inout SpanAttributes) {
        switch self {
        case .succeeded: break
        case .error(let outcome):
            if let code = outcome.code { attributes["rpc.status_code"] = code }
            if outcome.isFailure { attributes["error.type"] = outcome.code }
        case .response(let status, let route):
            attributes["http.response.status_code"] = status
            if let route { attributes["http.route"] = route }
            if isFailure { attributes["error.type"] = "\(status)" }
        }
    }

    /// Whether there is nothing to add.
    var isSilent: Bool { if case .succeeded = self { true } else { false } }
}
