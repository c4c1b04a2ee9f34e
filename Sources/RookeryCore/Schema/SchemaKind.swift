package import RookeryWire

/// The kinds of values that messages are made of.
package indirect enum SchemaKind: Sendable {
    /// Any JSON value.
    case any
    /// `true` or `false`.
    case boolean
    /// A whole number, within the bounds of its Swift type.
    case integer(minimum: JSONValue, maximum: JSONValue)
    /// A number.
    case number
    /// Text; `format` says what it must be, by the names of JSON Schema where it has one: `date-time`, `uuid`.
    case string(format: String? = nil, pattern: String? = nil)
    /// One of some raw values.
    case enumeration(EnumerationSchema)
    /// An object with known members.
    case object(ObjectSchema)
    /// An object whose member `type` says which of several it is.
    case union(UnionSchema)
    /// A list.
    case array(Schema)
    /// An object with any members, whose values are alike.
    case dictionary(Schema)
    /// The value, or `null`, or absent.
    case optional(Schema)
}

/// The members of a message. They are made when they are asked for, so that a message may hold messages of its own type.
package struct ObjectSchema: Sendable {
    /// The name of the Swift type: `Booking`, `Page<Booking>`.
    package let name: String
    /// The doc comment of the type; nil without one.
    package let documentation: String?
    private let makeFields: @Sendable () -> [_FieldSchema]

    /// The members, in the order of their declaration.
    package var fields: [_FieldSchema] { makeFields() }

    package init(name: String, documentation: String?, fields: @escaping @Sendable () -> [_FieldSchema]) {
        self.name = name
        self.documentation = documentation
        makeFields = fields
    }
}

/// An enum with raw values.
package struct EnumerationSchema: Sendable {
    /// The name of the Swift type.
    package let name: String
    /// The doc comment of the type; nil without one.
    package let documentation: String?
    /// The raw values, in the order of the cases.
    package let values: [JSONValue]
}

/// An enum with payloads.
package struct UnionSchema: Sendable {
    /// The name of the Swift type.
    package let name: String
    /// The doc comment of the type; nil without one.
    package let documentation: String?
    private let makeCases: @Sendable () -> [ObjectSchema]

    /// The cases: the name of each stands at `type`, its payload beside it.
    package var cases: [ObjectSchema] { makeCases() }

    init(name: String, documentation: String?, cases: @escaping @Sendable () -> [ObjectSchema]) {
        self.name = name
        self.documentation = documentation
        makeCases = cases
    }
}
