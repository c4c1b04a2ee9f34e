package import RookeryWire

package typealias FieldSchema = _FieldSchema

/// One member of a message.
public struct _FieldSchema: Sendable {
    /// The name in the message.
    package let name: String
    /// What its values are.
    package let schema: Schema
    /// What stands for it when it is absent; nil when that is nothing, or when it must be there.
    package let defaultValue: JSONValue?
    /// The rules that its attributes state.
    package let constraints: [SchemaConstraint]
    /// The kind of personal data it is; nil for none.
    package let personalData: PersonalData?
    /// Whether it is a secret.
    package let isSensitive: Bool
    /// Whether nil is written as `null`, instead of left out.
    package let writesNull: Bool
    /// The doc comment; nil without one.
    package let documentation: String?

    /// Whether a message without it is refused.
    package var isRequired: Bool {
        if case .optional = schema.kind { return false }
        return defaultValue == nil
    }

    /// Describes a member.
    public init<Value: MessageValue>(
        _ name: String, _ type: Value.Type, constraints: [_SchemaConstraint] = [], personalData: PersonalData? = nil,
        isSensitive: Bool = false, writesNull: Bool = false, documentation: String? = nil
    ) {
        self.init(name, type, .null, constraints, personalData, isSensitive, writesNull, documentation)
    }

    /// Describes a member that has a default.
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
        // A default of nil is the same as none. Not `nil`, which would be JSON's null here.
        defaultValue = value == .null ? Optional.none : value
        self.constraints = constraints
        self.personalData = personalData
        self.isSensitive = isSensitive
        self.writesNull = writesNull
        self.documentation = documentation
    }
}
