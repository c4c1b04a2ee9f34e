import Tracing

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
