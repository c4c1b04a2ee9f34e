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

/// The members of a message. The schema computes them on demand, so a message may contain messages of its own type.
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

    /// The cases. The member `type` has the name of the case. The members of the payload are beside it.
    package var cases: [ObjectSchema] { makeCases() }

    init(name: String, documentation: String?, cases: @escaping @Sendable () -> [ObjectSchema]) {
        self.name = name
        self.documentation = documentation
        makeCases = cases
    }
}
