import Tracing

/// The names of the metadata that the toolkit reads and writes.
package enum MetadataName {
    /// The remaining time of the caller, in milliseconds.
    package static let timeout = "rookery-timeout-ms"
    /// The key that identifies repetitions of a keyed command.
    package static let idempotencyKey = "rookery-idempotency-key"
    /// The number of the attempt, which a client sends from the second attempt on.
    package static let attempt = "rookery-attempt"
    /// The criticality of the message.
    package static let criticality = "rookery-criticality"
    /// The id of the request that the message belongs to, as Nest 12 sends it.
    package static let requestID = "x-request-id"
    /// The trace that the message belongs to (W3C Trace Context), as Nest 12 sends it with OpenTelemetry.
    package static let traceparent = "traceparent"
    /// The text of the caller's service key, which plain peers send. It is about one hop, and a server removes it.
    package static let apiKey = "apiKey"

    /// The metadata of one call only. A handler does not pass it on with its own calls.
    static let ofOneCall: Set<String> = [timeout, idempotencyKey, attempt]
}
