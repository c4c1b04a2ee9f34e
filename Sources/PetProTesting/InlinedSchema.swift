public import Rookery

/// Inlines JSON schemas: replaces references by their schemas, joins the members of `allOf`, and removes null from
/// nullable values.
public enum InlinedSchema {
    /// Returns the inlined schema of a request body of an OpenAPI document, or nil when the operation has no body.
    public static func body(of operation: JSONValue, in document: JSONValue) -> JSONValue? {
        operation["requestBody"]?["content"]?["application/json"]?["schema"].map { schema($0, in: document) }
    }

    /// Returns an inlined schema of an OpenAPI document.
    public static func schema(_ schema: JSONValue, in document: JSONValue) -> JSONValue {
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last {
            return Self.schema(document["components"]?["schemas"]?[String(name)] ?? [:], in: document)
        }
        if let parts = schema["allOf"]?.arrayValue {
            return parts.map { Self.schema($0, in: document) }.reduce([:], joined)
        }
        if let first = schema["anyOf"]?.arrayValue?.first { return Self.schema(first, in: document) }
        guard case .object(let object) = schema else { return schema }
        var inlined = JSONObject()
        for (key, value) in object {
            switch (key, value) {
            case ("properties", .object(let properties)):
                var members = JSONObject()
                for (name, property) in properties { members[name] = Self.schema(property, in: document) }
                inlined[key] = .object(members)
            case ("items", _): inlined[key] = Self.schema(value, in: document)
            case ("type", .array(let types)): inlined[key] = types.first { $0 != "null" }
            default: inlined[key] = value
            }
        }
        return .object(inlined)
    }

    /// Joins two schemas of one value. Where both have a keyword, the second one wins.
    private static func joined(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
        guard case .object(var object) = left, case .object(let other) = right else { return right }
        for (key, value) in other { object[key] = object[key].map { joined($0, value) } ?? value }
        return .object(object)
    }
}
