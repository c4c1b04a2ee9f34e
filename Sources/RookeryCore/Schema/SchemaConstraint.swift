public import RookeryWire

package typealias SchemaConstraint = _SchemaConstraint

/// A rule that an attribute of a property states, as a value: what ``_Constraint`` checks.
///
/// Of an array, a rule about strings or numbers is about each element.
public enum _SchemaConstraint: Sendable, Hashable {
    /// Characters (Unicode code points) and bytes of UTF-8.
    case length(ClosedRange<Int>, bytes: Int? = nil)
    /// One line of so many characters, not blank unless none are required.
    case line(ClosedRange<Int>, bytes: Int? = nil)
    /// Several lines of so many characters.
    case text(ClosedRange<Int>, bytes: Int? = nil)
    /// Not only white space.
    case notBlank
    /// From `minimum` to `maximum`; nil is without a bound.
    case range(minimum: JSONValue?, maximum: JSONValue?)
    /// A multiple of a number.
    case multiple(Int)
    /// An instant on a grid of minutes.
    case wholeMinutes(Int)
    /// Elements of an array.
    case items(ClosedRange<Int>)
    /// No two elements of an array are equal.
    case distinct
    /// An email address.
    case email
    /// The whole of the text matches a regular expression; nil when that is no literal.
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
    /// The value that a message value writes.
    package init(of value: some MessageValue) {
        // What a value writes is JSON: this fails for a ``RawJSON`` that is none.
        self = (try? JSONValue(value.bytes(as: .json), format: .json)) ?? .null
    }
}
