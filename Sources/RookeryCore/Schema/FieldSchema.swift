package import RookeryWire

package typealias FieldSchema = _FieldSchema

/// One member of a message.
public struct _FieldSchema: Sendable {
    /// The name in the message.
    package let name: String
    /// The schema of its values.
    package let schema: Schema
    /// The value of an absent member. Nil if the member has no default, or if its default is nil.
    package let defaultValue: JSONValue?
    /// The constraints that its attributes declare.
    package let constraints: [SchemaConstraint]
    /// The kind of personal data that it contains. Nil for none.
    package let personalData: PersonalData?
    /// Whether it is a secret.
    package let isSensitive: Bool
    /// Whether the message writes nil as `null` instead of omitting the member.
    package let writesNull: Bool
    /// The doc comment; nil without one.
    package let documentation: String?

    /// Whether a message without it is invalid.
    package var isRequired: Bool {
        if case .optional = schema.kind { return false }
        return defaultValue == nil
    }

    /// Creates the schema of a member without a default.
    public init<Value: MessageValue>(
        _ name: String, _ type: Value.Type, constraints: [_SchemaConstraint] = [], personalData: PersonalData? = nil,
        isSensitive: Bool = false, writesNull: Bool = false, documentation: String? = nil
    ) {
        self.init(name, type, .null, constraints, personalData, isSensitive, writesNull, documentation)
    }

    /// Creates the schema of a member with a default.
    public init<Value: MessageValue>(
        _ name: String, _ type: Value.Type, default value: Value, constraints: [_SchemaConstraint] = [],
        personalData: PersonalData? = nil, isSensitive: Bool = false, writesNull: Bool = false,
        documentation: String? = nil
    ) {
        let value = JSONValue(of: value)
        self.init(name, type, value, constraints, personalData, isSensitive, writesNull, documentation)
    }

    private init<Value: MessageValue>(
        _ name: String, _: Value.Type, _ value: JSONValue, _ constraints: [_SchemaConstraint],
        _ personalData: PersonalData?, _ isSensitive: Bool, _ writesNull: Bool, _ documentation: String?
    ) {
        self.name = name
        schema = Value._schema
        // A default of nil is the same as no default. A plain `nil` would be JSON's null here.
        defaultValue = value == .null ? Optional.none : value
        self.constraints = constraints
        self.personalData = personalData
        self.isSensitive = isSensitive
        self.writesNull = writesNull
        self.documentation = documentation
    }
}
