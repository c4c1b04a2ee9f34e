public import Tracing

private enum CallMetadataKey: ServiceContextKey {
    typealias Value = [String: String]
    static let nameOverride: String? = "rookery-call-metadata"
}

extension ServiceContext {
    /// The metadata that travels with calls, by name.
    ///
    /// A server stores the metadata of a message here. A client sends it with every call made in this context. So a
    /// trace, a request id or a tenant passes through services that do not know it.
    ///
    /// ```swift
    /// var context = ServiceContext.current ?? .topLevel
    /// context.callMetadata["tenant"] = "north"
    /// try await ServiceContext.withValue(context) { try await bookings.getBooking(…) }
    /// ```
    public var callMetadata: [String: String] {
        get { self[CallMetadataKey.self] ?? [:] }
        set { self[CallMetadataKey.self] = newValue.isEmpty ? nil : newValue }
    }

    /// Returns the current context with `metadata` as its call metadata. Drops the entries that belong to one call
    /// only.
    package static func carrying(_ metadata: [String: String]) -> ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        // Usually there is nothing to drop, and then nothing is copied.
        let isCarried = metadata.keys.allSatisfy { !MetadataName.ofOneCall.contains($0) }
        context.callMetadata = isCarried ? metadata : metadata.filter { !MetadataName.ofOneCall.contains($0.key) }
        return context
    }

    /// The id of the trace that this context belongs to: the trace id of a valid `traceparent`, or else `x-request-id`.
    /// Nil without both.
    public var traceID: String? {
        let metadata = callMetadata
        return metadata[MetadataName.traceparent].flatMap { Traceparent($0) }?.traceID
            ?? metadata[MetadataName.requestID]
    }
}
