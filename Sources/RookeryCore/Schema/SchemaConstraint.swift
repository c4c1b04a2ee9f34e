public import RookeryWire

package typealias SchemaConstraint = _SchemaConstraint

/// A constraint that an attribute of a property declares, as a value. ``_Constraint`` checks it.
///
/// For an array, a constraint of strings or numbers applies to each element.
public enum _SchemaConstraint: Sendable, Hashable {
    /// The number of characters (Unicode code points), and the maximum of UTF-8 bytes.
    case length(ClosedRange<Int>, bytes: Int? = nil)
    /// One line with this number of characters. It must not be blank, unless the range starts at 0.
    case line(ClosedRange<Int>, bytes: Int? = nil)
    /// Text of several lines with this number of characters.
    case text(ClosedRange<Int>, bytes: Int? = nil)
    /// Text that is not only white space.
    case notBlank
    /// From `minimum` to `maximum`, both included. Nil means no bound.
    case range(minimum: JSONValue?, maximum: JSONValue?)
    /// A multiple of a number.
    case multiple(Int)
    /// An instant at a multiple of this number of minutes from 1970-01-01T00:00:00Z.
    case wholeMinutes(Int)
    /// The number of elements of an array.
    case items(ClosedRange<Int>)
    /// No two elements of an array are equal.
    case distinct
    /// An email address.
    case email
    /// The whole text matches a regular expression, and has at most `bytes` bytes of UTF-8. Nil if the expression is
    /// not a literal.
    case matches(String?, bytes: Int = 1024)

    /// A closed range.
    public static func inRange<Bound: MessageValue>(_ range: ClosedRange<Bound>) -> _SchemaConstraint {
        .range(minimum: JSONValue(of: range.lowerBound), maximum: JSONValue(of: range.upperBound))
    }

    /// At least a value.
    public static func inRange<Bound: MessageValue>(_ range: PartialRangeFrom<Bound>) -> _SchemaConstraint {
        .range(minimum: JSONValue(of: range.lowerBound), maximum: nil)
    }

    /// At most a value.
    public static func inRange<Bound: MessageValue>(_ range: PartialRangeThrough<Bound>) -> _SchemaConstraint {
        .range(minimum: nil, maximum: JSONValue(of: range.upperBound))
    }
}

extension JSONValue {
    /// Converts a value to JSON, as it encodes itself.
    package init(of value: some MessageValue) {
        // Values encode themselves as JSON, so this fails only for a ``RawJSON`` that is not JSON.
        self = (try? JSONValue(value.bytes(as: .json), format: .json)) ?? .null
    }
}
