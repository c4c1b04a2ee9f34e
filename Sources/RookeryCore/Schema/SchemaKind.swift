package import RookeryWire

/// The kinds of values in messages.
package indirect enum SchemaKind: Sendable {
    /// Any JSON value.
    case any
    /// `true` or `false`.
    case boolean
    /// An integer within the bounds of its Swift type.
    case integer(minimum: JSONValue, maximum: JSONValue)
    /// A number.
    case number
    /// Text. `format` names its form, as JSON Schema does where it has a name: `date-time`, `uuid`.
    case string(format: String? = nil, pattern: String? = nil)
    /// One of several raw values.
    case enumeration(EnumerationSchema)
    /// An object with known members.
    case object(ObjectSchema)
    /// An object whose member `type` names one of several cases.
    case union(UnionSchema)
    /// A list.
    case array(Schema)
    /// An object with any names, whose values have one type.
    case dictionary(Schema)
    /// A value, `null`, or absent.
    case optional(Schema)
}
