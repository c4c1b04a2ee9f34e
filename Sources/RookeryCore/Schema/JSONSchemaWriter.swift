package import RookeryWire

/// Writes schemas as JSON Schema (draft 2020-12), which OpenAPI 3.1 and AsyncAPI 3 accept too.
///
/// It defines each message and enum once, by name, and refers to the definition. Lengths count Unicode code points, as
/// the constraints do. A constraint that has no JSON Schema keyword gets one that begins with `x-`.
package struct JSONSchemaWriter {
    /// The beginning of a reference: `#/$defs/`, `#/components/schemas/`.
    private let references: String
    /// The definitions of the messages and enums so far, by name.
    package private(set) var definitions = JSONObject()
    /// Not in use. Two types with one name share the definition of the first one.
    private var names: [String: String] = [:]

    package init(references: String) { self.references = references }

    /// Returns the schema of a value, and adds the definitions that it needs.
    package mutating func schema(of schema: Schema) -> JSONValue {
        switch schema.kind {
        case .any: return [:]
        case .boolean: return ["type": "boolean"]
        case .integer(let minimum, let maximum):
            // Omit 64-bit bounds: every integer that a JSON client can write exactly is within them.
            if case .int(.min) = minimum { return ["type": "integer"] }
            if case .uint = maximum { return ["type": "integer", "minimum": 0] }
            return ["type": "integer", "minimum": minimum, "maximum": maximum]
        case .number: return ["type": "number"]
        case .string(let format, let pattern):
            var object: JSONObject = ["type": "string"]
            object["format"] = format.map { .string($0) }
            object["pattern"] = pattern.map { .string($0) }
            return .object(object)
        case .enumeration(let enumeration):
            return define(enumeration.name) { _ in
                var object: JSONObject = ["type": enumeration.values.first?.stringValue == nil ? "integer" : "string"]
                object["description"] = enumeration.documentation.map { .string($0) }
                object["enum"] = .array(enumeration.values)
                return object
            }
        case .object(let message):
            return define(message.name) { $0.object(message, documentation: message.documentation) }
        case .union(let union):
            return define(union.name) { writer in
                var object = JSONObject()
                object["description"] = union.documentation.map { .string($0) }
                object["oneOf"] = .array(
                    union.cases.map { .object(writer.object($0, documentation: $0.documentation, tag: $0.name)) })
                return object
            }
        case .array(let element): return ["type": "array", "items": self.schema(of: element)]
        case .dictionary(let value): return ["type": "object", "additionalProperties": self.schema(of: value)]
        case .optional(let wrapped): return nullable(self.schema(of: wrapped))
        }
    }

    /// Returns the schema of a member, with its constraints.
    package mutating func schema(of field: FieldSchema) -> JSONValue {
        var isNullable = false
        var schema = field.schema
        while case .optional(let wrapped) = schema.kind {
            isNullable = true
            schema = wrapped
        }
        var value = self.schema(of: schema)
        for constraint in field.constraints { value = Self.constrained(value, constraint) }
        if isNullable { value = nullable(value) }
        guard case .object(var object) = value else { return value }
        object["description"] = field.documentation.map { .string($0) }
        object["default"] = field.defaultValue
        object["x-personal-data"] = field.personalData.map { .string("\($0)") }
        if field.isSensitive { object["x-sensitive"] = true }
        return .object(object)
    }

    /// Returns the schema of a message without the members that its receiver sets. If there are such members, the
    /// schema has a definition of its own, `<name>Body`.
    package mutating func schema(of schema: Schema, without given: GivenMembers) -> JSONValue {
        guard !given.isEmpty, case .object(let message) = schema.kind else { return self.schema(of: schema) }
        return define("\(message.name)Body") { writer in
            writer.object(message, documentation: message.documentation, without: given)
        }
    }

    private func nullable(_ value: JSONValue) -> JSONValue {
        guard case .object(var object) = value else { return value }
        if object.isEmpty { return value }
        guard let type = object["type"]?.stringValue, object["enum"] == nil else {
            return ["anyOf": [value, ["type": "null"]]]
        }
        object["type"] = [.string(type), "null"]
        return .object(object)
    }

    private mutating func define(
        _ type: String, _ make: (inout JSONSchemaWriter) -> JSONObject
    ) -> JSONValue {
        let name = Self.definitionName(type)
        if definitions[name] == nil {
            // Reserve the name first, because a member may have the same type.
            definitions[name] = [:]
            definitions[name] = .object(make(&self))
        }
        return ["$ref": .string(references + name)]
    }

    /// Returns the name of a type's definition, which is part of addresses: `Page<Booking>` becomes `Page_Booking`.
    package static func definitionName(_ type: String) -> String {
        type.split { !$0.isLetter && !$0.isNumber }.joined(separator: "_")
    }

    private mutating func object(
        _ message: ObjectSchema, documentation: String?, tag: String? = nil, without given: GivenMembers? = nil
    ) -> JSONObject {
        var properties = JSONObject()
        var required: [JSONValue] = []
        if let tag {
            properties["type"] = ["const": .string(tag)]
            required.append("type")
        }
        for field in message.fields where !(given?.names.contains(field.name) ?? false) {
            if let inside = given?.inside(field.name) {
                properties[field.name] = schema(of: field.schema, without: inside)
            } else {
                properties[field.name] = schema(of: field)
            }
            if field.isRequired { required.append(.string(field.name)) }
        }
        var object: JSONObject = ["type": "object"]
        object["description"] = documentation.map { .string($0) }
        object["properties"] = .object(properties)
        if !required.isEmpty { object["required"] = .array(required) }
        if message.forbidsUnknown { object["additionalProperties"] = false }
        return object
    }

    // MARK: Constraints

    private static func constrained(_ schema: JSONValue, _ constraint: SchemaConstraint) -> JSONValue {
        guard case .object(var object) = schema else { return schema }
        switch constraint {
        case .items(let range):
            object["minItems"] = .int(Int64(range.lowerBound))
            object["maxItems"] = .int(Int64(range.upperBound))
            return .object(object)
        case .distinct:
            object["uniqueItems"] = true
            return .object(object)
        default: break
        }
        // Any other constraint of an array applies to its elements.
        if let items = object["items"] {
            object["items"] = constrained(items, constraint)
            return .object(object)
        }
        for (name, value) in keywords(constraint) { object[name] = value }
        return .object(object)
    }

    private static func keywords(_ constraint: SchemaConstraint) -> JSONObject {
        var object = JSONObject()
        func length(_ range: ClosedRange<Int>, _ bytes: Int?) {
            object["minLength"] = .int(Int64(range.lowerBound))
            object["maxLength"] = .int(Int64(range.upperBound))
            object["x-maxBytes"] = bytes.map { .int(Int64($0)) }
        }
        switch constraint {
        case .length(let range, let bytes): length(range, bytes)
        case .line(let range, let bytes):
            length(range, bytes)
            object["pattern"] = .string(range.lowerBound > 0 ? TextPattern.line : TextPattern.lineOrNothing)
        case .text(let range, let bytes):
            length(range, bytes)
            object["pattern"] = .string(TextPattern.text)
        case .notBlank: object["pattern"] = .string(TextPattern.notBlank)
        case .range(let minimum, let maximum):
            // JSON Schema has no order for values that are written as text, such as dates.
            let isNumber = (minimum ?? maximum)?.stringValue == nil
            object[isNumber ? "minimum" : "x-minimum"] = minimum
            object[isNumber ? "maximum" : "x-maximum"] = maximum
        case .multiple(let divisor): object["multipleOf"] = .int(Int64(divisor))
        case .wholeMinutes(let minutes): object["x-wholeMinutes"] = .int(Int64(minutes))
        case .email:
            object["format"] = "email"
            object["maxLength"] = 254
        case .matches(let pattern, _):
            object["pattern"] = pattern.map { .string("^(?:\($0))$") }
        case .items, .distinct: break
        }
        return object
    }
}
