public import Tracing

/// The names of the metadata that the toolkit itself reads and writes.
package enum MetadataName {
    /// How many milliseconds the caller will still wait.
    package static let timeout = "rookery-timeout-ms"
    /// The key by which a keyed command's repetitions are known.
    package static let idempotencyKey = "rookery-idempotency-key"
    /// Which attempt of a call this is, from the second on.
    package static let attempt = "rookery-attempt"
    /// How much a message matters when there is too much to do.
    package static let criticality = "rookery-criticality"
    /// The request that a message belongs to, as Nest 12 sends it.
    package static let requestID = "x-request-id"
    /// The trace that a message belongs to (W3C Trace Context), as Nest 12 sends it with OpenTelemetry.
    package static let traceparent = "traceparent"

    /// What is about one call, and is not handed on with the calls made while handling it.
    static let ofOneCall: Set<String> = [timeout, idempotencyKey, attempt]
}

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
        context.callMetadata = metadata.filter { !MetadataName.ofOneCall.contains($0.key) }
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

/// Takes trace ids out of metadata, for tracers.
package struct MetadataExtractor: Extractor {
    package init() {}

    package func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}

/// Writes trace ids into metadata, for tracers.
package struct MetadataInjector: Injector {
    package init() {}

    package func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key] = value
    }
}
