package import RookeryWire

/// Creates values that fit a schema, for documents and tests.
package enum SchemaExample {
    /// Returns an example of a value. For a message, omits the given members.
    package static func value(of schema: Schema, without given: GivenMembers? = nil) -> JSONValue {
        value(of: schema, name: "", [], given, depth: 0)
    }

    /// Returns an example of a member, such as a query parameter.
    package static func value(of field: FieldSchema) -> JSONValue {
        value(of: field.schema, name: field.name, field.constraints, nil, depth: 0)
    }

    private static func value(
        of schema: Schema, name: String, _ constraints: [SchemaConstraint], _ given: GivenMembers?, depth: Int
    ) -> JSONValue {
        switch schema.kind {
        case .any: return [:]
        case .boolean: return true
        case .integer: return .int(integer(constraints, name))
        case .number: return 1.5
        case .string(let format, let pattern): return .string(text(name, format, pattern, constraints))
        case .enumeration(let enumeration): return enumeration.values.first ?? .null
        case .object(let message): return .object(object(message, given, depth))
        case .union(let union):
            guard let first = union.cases.first else { return [:] }
            var object: JSONObject = ["type": .string(first.name)]
            for (key, value) in self.object(first, nil, depth) { object[key] = value }
            return .object(object)
        case .array(let element):
            // Stop here, because more nested lists would show nothing new.
            if depth > 3 { return [] }
            return [value(of: element, name: name, constraints, nil, depth: depth + 1)]
        case .dictionary(let element): return ["name": value(of: element, name: name, [], nil, depth: depth + 1)]
        case .optional(let wrapped): return value(of: wrapped, name: name, constraints, given, depth: depth)
        }
    }

    private static func object(
        _ message: ObjectSchema, _ given: GivenMembers?, _ depth: Int
    ) -> JSONObject {
        var object = JSONObject()
        if depth > 6 { return object }
        for field in message.fields where !(given?.names.contains(field.name) ?? false) {
            object[field.name] =
                field.defaultValue
                ?? value(
                    of: field.schema, name: field.name, field.constraints, given?.inside(field.name), depth: depth + 1)
        }
        return object
    }

    private static func integer(_ constraints: [SchemaConstraint], _ name: String) -> Int64 {
        var least: Int64 = 1
        for constraint in constraints {
            switch constraint {
            case .range(let minimum?, _): least = max(least, minimum.intValue.map(Int64.init) ?? least)
            case .range(nil, let maximum?): least = min(least, maximum.intValue.map(Int64.init) ?? least)
            case .multiple(let divisor):
                let divisor = Int64(divisor)
                least = (least + divisor - 1) / divisor * divisor
            default: break
            }
        }
        return least
    }

    private static func text(
        _ name: String, _ format: String?, _ pattern: String?, _ constraints: [SchemaConstraint]
    ) -> String {
        switch format {
        case "date-time": return "2031-03-05T09:00:00.000Z"
        case "date": return "2020-03-05"
        case "uuid": return "123e4567-e89b-12d3-a456-426614174000"
        case "uri": return "https://example.com/"
        case "byte": return "cm9va2VyeQ=="
        default: break
        }
        if pattern != nil { return "09:00" }
        var text = name.isEmpty ? "text" : name
        for constraint in constraints {
            switch constraint {
            case .email: return "maya@petpro.example"
            case .length(let range, _), .line(let range, _), .text(let range, _):
                while text.count < range.lowerBound { text += " \(name)" }
                text = String(text.prefix(range.upperBound))
            default: break
            }
        }
        return name == "timeZone" ? "Europe/Berlin" : text
    }
}
