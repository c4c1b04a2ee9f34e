public import RookeryWire

/// The description of a type at run time. Descriptions, OpenAPI documents and the checks before a call use it.
public struct Schema: Sendable {
    package let kind: SchemaKind

    package init(_ kind: SchemaKind) { self.kind = kind }

    /// Creates the schema of a type: its members, constraints and doc comments.
    public init<Value: MessageValue>(of _: Value.Type) { self = Value._schema }

    /// The schema as JSON Schema (draft 2020-12). `$defs` has the messages and enums inside it.
    public var jsonSchema: JSONValue {
        var writer = JSONSchemaWriter(references: "#/$defs/")
        let root = writer.schema(of: self)
        guard case .object(var object) = root else { return root }
        if !writer.definitions.isEmpty { object["$defs"] = .object(writer.definitions) }
        return .object(object)
    }
}

// For code that `@Message` generates.
extension Schema {
    /// Creates the schema of a message.
    public static func _message(
        _ name: String, _ documentation: String?, forbidsUnknown: Bool = false,
        _ fields: @escaping @Sendable () -> [_FieldSchema]
    ) -> Schema {
        Schema(
            .object(
                ObjectSchema(name: name, documentation: documentation, forbidsUnknown: forbidsUnknown, fields: fields)))
    }

    /// Creates the schema of an enum with payloads. `cases` returns the wire names of the cases, with their payloads.
    public static func _union(
        _ name: String, _ documentation: String?, forbidsUnknown: Bool = false,
        _ cases: @escaping @Sendable () -> [(name: String, documentation: String?, fields: [_FieldSchema])]
    ) -> Schema {
        Schema(
            .union(
                UnionSchema(name: name, documentation: documentation) {
                    cases().map { item in
                        ObjectSchema(
                            name: item.name, documentation: item.documentation, forbidsUnknown: forbidsUnknown
                        ) { item.fields }
                    }
                }))
    }

    /// Creates the schema of an enum with raw values.
    public static func _enumeration<Value: MessageValue & RawRepresentable>(
        _: Value.Type, _ documentation: String?, _ values: [Value]
    ) -> Schema where Value.RawValue: MessageValue {
        Schema(
            .enumeration(
                EnumerationSchema(
                    name: "\(Value.self)", documentation: documentation,
                    values: values.map { JSONValue(of: $0.rawValue) })))
    }
}

extension Schema {
    /// The members of a message. Empty for any other value.
    package var fields: [FieldSchema] { if case .object(let message) = kind { message.fields } else { [] } }
}

extension _FieldSchema {
    /// Whether the message writes it as text.
    package var isText: Bool {
        var kind = schema.kind
        while case .optional(let wrapped) = kind { kind = wrapped.kind }
        return switch kind {
        case .string: true
        case .enumeration(let enumeration): enumeration.values.first?.stringValue != nil
        default: false
        }
    }
}
