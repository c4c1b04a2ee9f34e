import Foundation
import NIOHTTP1
import PetProTesting
import Rookery

extension Attack {
    /// Everything a body can say, said at length: every field of every body as large as it may be, and far larger, by
    /// strangers and by those who have signed in.
    static let fatTexts = Attack("fat texts in every field", atLeast: 200) { victim, tally in
        let description = try await victim.http.get("/openapi.json").body
        let operations = Operation.all(of: description)
        let tokens = [
            "customer": try await victim.http.signIn("maya@petpro.example"),
            "vendor": try await victim.http.signIn("marigold@petpro.example"),
            "admin": try await victim.http.signIn("admin@petpro.example"),
        ]
        await crowd(4) { attacker in
            for operation in operations {
                for body in operation.bodies(unique: UUID().uuidString) {
                    if Task.isCancelled { return }
                    let path = operation.path.replacing(/\{[a-z]+\}/, with: "\([1, 9001, 2][attacker % 3])")
                    let token = operation.roles.compactMap { tokens[$0] }.randomElement()
                    let answer = try await victim.http.send(operation.method, path, body, token: token)
                    tally.count("\(answer.status)")
                }
            }
        }
    }
}

/// Something that takes a body, as the platform's description has it.
private struct Operation: Sendable {
    let method: HTTPMethod
    let path: String
    let roles: [String]
    let schema: JSONValue

    static func all(of description: JSONValue) -> [Operation] {
        guard case .object(let paths)? = description["paths"] else { return [] }
        return paths.flatMap { path, item -> [Operation] in
            guard case .object(let operations) = item else { return [] }
            return operations.compactMap { method, operation in
                guard let schema = operation["requestBody"]?["content"]?["application/json"]?["schema"] else {
                    return nil
                }
                return Operation(
                    method: HTTPMethod(rawValue: method.uppercased()), path: path,
                    roles: operation["x-roles"]?.arrayValue?.compactMap(\.stringValue) ?? [], schema: schema)
            }
        }
    }

    /// A body with everything as large as it may be, then one for each field and each kind of too much.
    func bodies(unique: String) -> [JSONValue] {
        [Self.largest(schema, unique)] + Self.excesses(schema, unique)
    }

    /// Letters of four bytes: as many bytes as a text of so many characters can have.
    private static func fat(_ count: Int) -> String { String(repeating: "\u{1F43E}", count: count) }

    private static func largest(_ schema: JSONValue, _ unique: String) -> JSONValue {
        if case .array(let values)? = schema["enum"] { return values.first ?? .null }
        switch schema["type"]?.stringValue {
        case "object":
            guard case .object(let properties)? = schema["properties"] else { return [:] }
            return .object(
                properties.reduce(into: JSONObject()) { object, property in
                    object[property.0] = largest(property.1, "\(unique)\(property.0)")
                })
        case "array":
            let count = schema["uniqueItems"] == true ? 1 : min(400, schema["maxItems"]?.intValue ?? 1)
            let item = largest(schema["items"] ?? .null, unique)
            return .array(Array(repeating: item, count: count))
        case "integer": return schema["minimum"] ?? 1
        case "boolean": return true
        default:
            switch schema["format"]?.stringValue {
            case "email": return .string("\(unique)@petpro.example")
            case "date": return "2020-02-29"
            case "date-time": return "2030-01-01T10:00:00Z"
            default:
                if schema["pattern"] != nil { return "10:00" }
                // Time zones are the one kind of text that is looked up.
                if schema["maxLength"] == 64 { return "Europe/Prague" }
                return .string(fat(schema["maxLength"]?.intValue ?? 100))
            }
        }
    }

    private static func excesses(_ schema: JSONValue, _ unique: String) -> [JSONValue] {
        guard case .object(let properties)? = schema["properties"] else { return [] }
        let base = largest(schema, unique)
        return properties.flatMap { name, property -> [JSONValue] in
            var values: [JSONValue] = excesses(property, unique)
            if property["type"] == "array" {
                values.append(.array(Array(repeating: largest(property["items"] ?? .null, unique), count: 20_000)))
            } else if property["type"] == "string" {
                // One character of 60 000 bytes, and many of four.
                values.append(.string("e" + String(repeating: "\u{301}", count: 30_000)))
                values.append(.string(fat(30_000)))
            }
            return values.compactMap { value in
                guard case .object(var object) = base else { return nil }
                object[name] = value
                return .object(object)
            }
        }
    }
}
