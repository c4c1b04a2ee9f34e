package import Tracing

/// An ended span, as ``BoundedTracer`` keeps it.
package struct RecordedSpan: Sendable {
    /// The name of the operation, such as `create-booking`.
    package let name: String
    /// The side of the call: client or server.
    package let kind: SpanKind
    /// The trace id: 32 hexadecimal digits.
    package let traceID: String
    /// The span id: 16 hexadecimal digits.
    package let spanID: String
    /// The id of the parent span, perhaps in another process. Nil for the first span of a trace.
    package let parentID: String?
    /// The start, in nanoseconds since 1970.
    package let start: UInt64
    /// The end, in nanoseconds since 1970.
    package let end: UInt64
    /// The attributes of the span.
    package let attributes: SpanAttributes
    /// Whether the span failed.
    package let isFailure: Bool

    /// Returns the value of an attribute. Returns nil if the attribute is absent or not text.
    package func text(_ name: String) -> String? {
        switch attributes.get(name) {
        case .string(let text): text
        default: nil
        }
    }
}
