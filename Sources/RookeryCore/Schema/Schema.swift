public import RookeryWire

/// What a declaration says about a value, at run time: descriptions, OpenAPI documents and the checks before a call are
/// made of it.
public struct Schema: Sendable {
    package let kind: SchemaKind

    package init(_ kind: SchemaKind) { self.kind = kind }

    /// The schema of a type: its members, rules and doc comments.
    public init<Value: MessageValue>(of _: Value.Type) { self = Value._schema }

    /// The schema as JSON Schema (draft 2020-12); messages inside it are at `$defs`.
    public var jsonSchema: JSONValue {
        var writer = JSONSchemaWriter(references: "#/$defs/")
        let root = writer.schema(of: self)
        guard case .object(var object) = root else { return root }
        if !writer.definitions.isEmpty { object["$defs"] = .object(writer.definitions) }
        return .object(object)
    }
}

// What `@Message` writes.
extension Schema {
    /// A message.
    public static func _message(
        _ name: String, _ documentation: String?, _ fields: @escaping @Sendable () -> [_FieldSchema]
    ) -> Schema {
        Schema(.object(ObjectSchema(name: name, documentation: documentation, fields: fields)))
    }

    /// An enum with payloads: the names of its cases on the wire, with their payloads.
    public static func _union(
        _ name: String, _ documentation: String?,
        _ cases: @escaping @Sendable () -> [(name: String, documentation: String?, fields: [_FieldSchema])]
    ) -> Schema {
        Schema(
            .union(
                UnionSchema(name: name, documentation: documentation) {
                    cases().map { item in
                        ObjectSchema(name: item.name, documentation: item.documentation) { item.fields }
                    }
                }))
    }

    /// An enum with raw values.
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
    /// The members of a message; none for another value.
    package var fields: [FieldSchema] { if case .object(let message) = kind { message.fields } else { [] } }
}

extension _FieldSchema {
    /// Whether it is written as text.
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
