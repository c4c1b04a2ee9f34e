import Tracing

/// The value of an attribute, of the types that the toolkit's spans have.
enum AttributeValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case real(Double)
    case bool(Bool)

    init?(_ value: SpanAttribute) {
        switch value {
        case .string(let text): self = .text(text)
        case .stringConvertible(let value): self = .text("\(value)")
        case .int32(let value): self = .integer(Int64(value))
        case .int64(let value): self = .integer(value)
        case .double(let value): self = .real(value)
        case .bool(let value): self = .bool(value)
        default: return nil
        }
    }
}
