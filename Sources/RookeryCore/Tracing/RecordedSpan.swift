package import Tracing

/// A span that has ended, as ``BoundedTracer`` keeps it.
package struct RecordedSpan: Sendable {
    /// The operation: `create-booking`.
    package let name: String
    /// Which side it is.
    package let kind: SpanKind
    /// Its trace: 32 hexadecimal digits.
    package let traceID: String
    /// Its own id: 16 hexadecimal digits.
    package let spanID: String
    /// The span that caused it, maybe in another process; nil for the first one of a trace.
    package let parentID: String?
    /// Nanoseconds since 1970 at its beginning.
    package let start: UInt64
    /// Nanoseconds since 1970 at its end.
    package let end: UInt64
    /// What is known about it.
    package let attributes: SpanAttributes
    /// Whether it failed.
    package let isFailure: Bool

    /// The text of an attribute.
    package func text(_ name: String) -> String? {
        switch attributes.get(name) {
        case .string(let text): text
        default: nil
        }
    }
}
