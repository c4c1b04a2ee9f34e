/// The members of a message. The schema computes them on demand, so a message may contain messages of its own type.
package struct ObjectSchema: Sendable {
    /// The name of the Swift type: `Booking`, `Page<Booking>`.
    package let name: String
    /// The doc comment of the type; nil without one.
    package let documentation: String?
    /// Whether other members are refused.
    package let forbidsUnknown: Bool
    private let makeFields: @Sendable () -> [_FieldSchema]

    /// The members, in the order of their declaration.
    package var fields: [_FieldSchema] { makeFields() }

    package init(
        name: String, documentation: String?, forbidsUnknown: Bool = false,
        fields: @escaping @Sendable () -> [_FieldSchema]
    ) {
        self.forbidsUnknown = forbidsUnknown
        self.name = name
        self.documentation = documentation
        makeFields = fields
    }
}
