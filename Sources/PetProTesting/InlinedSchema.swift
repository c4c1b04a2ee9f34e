public import Rookery

/// A JSON schema with everything in one place: what it refers to is put in, of `allOf` all members are joined, and values that
/// may be null are described as if they could not.
public enum InlinedSchema {
    /// The schema of a request body of an OpenAPI document; nil when the operation has none.
    public static func body(of operation: JSONValue, in document: JSONValue) -> JSONValue? {
        operation["requestBody"]?["content"]?["application/json"]?["schema"].map { schema($0, in: document) }
    }

    /// A schema of an OpenAPI document, in one place.
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

    /// Two schemas of one value: members of both, keywords of the second where both have one.
    private static func joined(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
        guard case .object(var object) = left, case .object(let other) = right else { return right }
        for (key, value) in other { object[key] = object[key].map { joined($0, value) } ?? value }
        return .object(object)
    }
}
