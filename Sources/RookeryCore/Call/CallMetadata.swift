public import Tracing

extension ServiceContext {
    /// The metadata that calls carry, by name. A server sets it to the metadata of a message; a client sends it with every
    /// call in this context. So a trace, a request id or a tenant passes through services that do not know it.
    ///
    /// ```swift
    /// var context = ServiceContext.current ?? .topLevel
    /// context.callMetadata["tenant"] = "north"
    /// try await ServiceContext.withValue(context) { try await bookings.getBooking(…) }
    /// ```
    public var callMetadata: [String: String] {
        get {
            let travelling = travelling
            var metadata = travelling.metadata
            if let span = travelling.span { metadata[MetadataName.traceparent] = span.identity.description }
            return metadata
        }
        set { travelling.metadata = newValue }
    }

    /// Returns the current context with the metadata of a message, without the entries that are about that message only.
    package static func carrying(_ metadata: [String: String]) -> ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        var travelling = context.travelling
        travelling.metadata = Travelling.carried(metadata)
        // The message's own trace has precedence over an inherited span.
        if travelling.span != nil, travelling.received != nil { travelling.span = nil }
        context.travelling = travelling
        return context
    }

    /// The trace of this context: the trace id of a valid `traceparent`, else `x-request-id`. Nil without both.
    public var traceID: String? { traceparent?.traceID ?? travelling.metadata[MetadataName.requestID] }

    /// The identity of the current span, from a ``BoundedTracer`` or from ``callMetadata``.
    package var traceparent: Traceparent? { travelling.traceparent }
}
