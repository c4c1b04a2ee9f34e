import Tracing

/// What the toolkit records at the end of a span.
package enum SpanEnd: Sendable {
    /// The outcome of a call, or of the handling of a message.
    case call(CallOutcome)
    /// The response to an HTTP request, and the route that matched it. Nil if none did.
    case response(status: Int, route: String?)

    var isFailure: Bool {
        switch self {
        case .call(let outcome): outcome.isFailure
        case .response(let status, _): status >= 500
        }
    }

    /// The new name of the span. Nil if the name stays.
    var name: String? {
        switch self {
        case .call: nil
        case .response(_, let route): route
        }
    }

    /// Adds the attributes at the end of the span.
    func add(to attributes: inout SpanAttributes) {
        switch self {
        case .call(let outcome):
            if let code = outcome.code { attributes["rpc.status_code"] = code }
            if outcome.isFailure { attributes["error.type"] = outcome.code }
        case .response(let status, let route):
            attributes["http.response.status_code"] = status
            if let route { attributes["http.route"] = route }
            if isFailure { attributes["error.type"] = "\(status)" }
        }
    }

    /// Whether there is nothing to add.
    var isSilent: Bool { if case .call(let outcome) = self { outcome == .success } else { false } }
}
