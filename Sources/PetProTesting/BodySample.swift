import Foundation
public import Rookery

/// Makes request bodies from JSON schemas: as large as allowed, and larger.
public enum BodySample {
    /// A body that is invalid in one place.
    public struct Excess: Sendable {
        /// The path of the invalid value, such as `vendor.businessName`.
        public let path: String
        /// What is wrong with the value.
        public let kind: String
        /// The whole body.
        public let body: JSONValue
    }

    /// Returns a text of `count` characters with four bytes each.
    public static func fat(_ count: Int) -> String { String(repeating: "\u{1F43E}", count: count) }

    /// Returns a value of a schema, as large as allowed. `unique` distinguishes its email addresses from those of other
    /// values.
    public static func largest(_ schema: JSONValue, unique: String, name: String = "") -> JSONValue {
        if case .array(let values)? = schema["enum"] { return values.first ?? .null }
        switch schema["type"]?.stringValue {
        case "object":
            guard case .object(let properties)? = schema["properties"] else { return [:] }
            return .object(
                properties.reduce(into: JSONObject()) { object, property in
                    object[property.0] = largest(
                        property.1, unique: "\(unique)\(property.0)", name: property.0)
                })
        case "array":
            let count = schema["uniqueItems"] == true ? 1 : schema["maxItems"]?.intValue ?? 1
            return .array(Array(repeating: largest(schema["items"] ?? .null, unique: unique), count: count))
        case "integer": return largestInteger(schema)
        case "boolean": return true
        default:
            switch schema["format"]?.stringValue {
            case "email": return .string("\(unique)@petpro.example")
            case "date": return "2020-02-29"
            case "date-time": return "2030-01-01T10:00:00Z"
            default:
                if name == "timeZone" { return "Europe/Prague" }
                // A text in a fixed form has no maximum length.
                guard let count = schema["maxLength"]?.intValue else {
                    return schema["pattern"] == nil ? "text" : "10:00"
                }
                return .string(fat(count))
            }
        }
    }

    private static func largestInteger(_ schema: JSONValue) -> JSONValue {
        let largest = schema["maximum"]?.intValue ?? 1
        return .int(Int64(largest - largest % (schema["multipleOf"]?.intValue ?? 1)))
    }

    /// Returns bodies of a schema with one value out of bounds: one element more, one character more, one character of
    /// many bytes, the next number, or an unknown enum value.
    public static func excesses(_ schema: JSONValue, unique: String) -> [Excess] {
        guard case .object(let properties)? = schema["properties"] else { return [] }
        let base = largest(schema, unique: unique)
        return properties.flatMap { name, property in
            values(property, unique).map { path, kind, value in
                var body = base
                if case .object(var object) = base {
                    object[name] = value
                    body = .object(object)
                }
                return Excess(path: path.isEmpty ? name : "\(name).\(path)", kind: kind, body: body)
            }
        }
    }

    private static func values(_ schema: JSONValue, _ unique: String) -> [(String, String, JSONValue)] {
        if schema["enum"] != nil { return [("", "another value", "none-of-these")] }
        switch schema["type"]?.stringValue {
        case "object": return excesses(schema, unique: unique).map { ($0.path, $0.kind, $0.body) }
        case "array":
            let count = (schema["maxItems"]?.intValue ?? 0) + 1
            let item = schema["items"] ?? .null
            let more = Array(repeating: largest(item, unique: unique), count: count)
            return [("", "one element more", .array(more))]
                + values(item, unique).map { ("", "an element with \($0.0) \($0.1)", [$0.2]) }
        case "integer":
            return [("minimum", -1), ("maximum", 1)].compactMap { bound, step in
                schema[bound]?.intValue.map { ("", "beyond the \(bound)", .int(Int64($0 + step))) }
            }
        case "string":
            // A text in a fixed form has no maximum length to exceed.
            guard let count = schema["maxLength"]?.intValue else { return [] }
            return [
                ("", "one character more", .string(fat(count + 1))),
                ("", "one character of 60 000 bytes", .string("e" + String(repeating: "\u{301}", count: 30_000))),
            ]
        default: return []
        }
    }
}
