public import PetProContracts

/// A span, and the service whose process it is of.
public struct OwnedSpan: Sendable, Hashable {
    /// The service, such as `booking`. Of a foreign service, the name that it gives itself.
    public let owner: String
    /// The span.
    public let record: SpanRecord

    /// Makes a span of a service.
    public init(owner: String, record: SpanRecord) {
        self.owner = owner
        self.record = record
    }
}
