public import Tracing

private enum CallMetadataKey: ServiceContextKey {
    typealias Value = [String: String]
    static let nameOverride: String? = "rookery-call-metadata"
}

extension ServiceContext {
    /// What travels with calls, by name: a server puts here what came with a message, and a client sends it with every call
    /// made in this context. So a trace, a request id or a tenant passes through services that do not know it.
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

    /// The context in force, with what came with a message in place of what it carried before; what is about that message
    /// alone stays behind.
    package static func carrying(_ metadata: [String: String]) -> ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        // Mostly there is none of those, and then nothing is copied.
        let isCarried = metadata.keys.allSatisfy { !MetadataName.ofOneCall.contains($0) }
        context.callMetadata = isCarried ? metadata : metadata.filter { !MetadataName.ofOneCall.contains($0.key) }
        return context
    }

    /// The trace that work in this context belongs to: the trace id of `traceparent` when that is valid, or else
    /// `x-request-id`; nil without both.
    public var traceID: String? {
        let metadata = callMetadata
        return metadata[MetadataName.traceparent].flatMap { Traceparent($0) }?.traceID
            ?? metadata[MetadataName.requestID]
    }
}
