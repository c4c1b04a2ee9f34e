package import Rookery

/// Checks a message against its JSON Schema.
///
/// It checks the common keywords that Rookery services write and ignores all others, because the service checks again.
package struct SchemaCheck: Sendable {
    /// The messages and enums that a schema refers to.
    private let definitions: JSONObject
    private let allowsUnknown: Bool

    /// Makes a check. `definitions` are the messages and enums that schemas refer to. With `allowsUnknown`, objects may have
    /// members that their schema does not name, as JSON Schema says; by default such a member is a problem.
    package init(definitions: JSONObject, allowsUnknown: Bool = false) {
        self.definitions = definitions
        self.allowsUnknown = allowsUnknown
    }

    /// Returns what is wrong with a value: `pets[0].name: must have at most 60 characters`.
    package func problems(of value: JSONValue, _ schema: JSONValue) -> [String] {
        var problems: [String] = []
        check(value, schema, at: "", &problems)
        return problems
    }

    private func note(_ path: String, _ problem: String, _ problems: inout [String]) {
        problems.append("\(path.isEmpty ? "the message" : path): \(problem)")
    }

    private func check(_ value: JSONValue, _ schema: JSONValue, at path: String, _ problems: inout [String]) {
        let schema = resolved(schema)
        for part in schema["allOf"]?.arrayValue ?? [] { check(value, part, at: path, &problems) }
        if let options = schema["anyOf"]?.arrayValue {
            let all = options.map { option in
                var found: [String] = []
                check(value, option, at: path, &found)
                return found
            }
            // Reports the first option, which describes the value. The others describe its absence.
            if !all.contains(where: \.isEmpty) { problems += all.first ?? [] }
        }
        if let cases = schema["oneOf"]?.arrayValue { checkUnion(value, cases, at: path, &problems) }
        if let constant = schema["const"], constant != value { note(path, "must be \(constant.jsonText)", &problems) }
        if let allowed = schema["enum"]?.arrayValue, !allowed.contains(value) {
            let texts = allowed.map { $0.stringValue ?? $0.jsonText }
            let nearest = value.stringValue.flatMap { Spelling.nearest($0, in: texts) }.map { "; did you mean \($0)?" }
            return note(path, "must be one of \(texts.joined(separator: ", "))\(nearest ?? "")", &problems)
        }
        guard isOfType(value, schema) else {
            return note(path, "must be \(Self.name(of: schema))", &problems)
        }
        switch value {
        case .object(let object): checkMembers(object, schema, at: path, &problems)
        case .array(let elements): checkElements(elements, schema, at: path, &problems)
        case .string(let text): checkText(text, schema, at: path, &problems)
        case .int, .uint, .double: checkNumber(value, schema, at: path, &problems)
        case .bool, .null: break
        }
    }

    private func resolved(_ schema: JSONValue) -> JSONValue {
        guard let name = schema["$ref"]?.stringValue?.split(separator: "/").last else { return schema }
        return definitions[String(name)] ?? [:]
    }

    private func isOfType(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        guard let type = schema["type"] else { return true }
        let types = type.stringValue.map { [$0] } ?? type.arrayValue?.compactMap(\.stringValue) ?? []
        return types.contains { name in
            switch (name, value) {
            case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .array), ("object", .object): true
            case ("number", .int), ("number", .uint), ("number", .double), ("integer", .int), ("integer", .uint): true
            case ("integer", .double(let number)): number == number.rounded()
            default: false
            }
        }
    }

    private static func name(of schema: JSONValue) -> String {
        let names = [
            "boolean": "true or false", "integer": "an integer", "number": "a number", "string": "a string",
            "array": "an array", "object": "an object", "null": "null",
        ]
        let types =
            schema["type"]?.stringValue.map { [$0] } ?? schema["type"]?.arrayValue?.compactMap(\.stringValue) ?? []
        return types.map { names[$0] ?? $0 }.joined(separator: " or ")
    }

    // MARK: Objects

    private func checkMembers(
        _ object: JSONObject, _ schema: JSONValue, at path: String, _ problems: inout [String]
    ) {
        func inside(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
        guard case .object(let properties)? = schema["properties"] else {
            guard let values = schema["additionalProperties"] else { return }
            for (name, value) in object { check(value, values, at: inside(name), &problems) }
            return
        }
        let names = properties.map(\.0)
        for (name, value) in object {
            if let property = properties[name] {
                check(value, property, at: inside(name), &problems)
            } else if !allowsUnknown || schema["additionalProperties"] == .bool(false) {
                let nearest = Spelling.nearest(name, in: names).map { "; did you mean \($0)?" } ?? ""
                note(inside(name), "unknown field\(nearest)", &problems)
            }
        }
        for name in schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [] where object[name] == nil {
            note(inside(name), "is required", &problems)
        }
    }

    private func checkUnion(
        _ value: JSONValue, _ cases: [JSONValue], at path: String, _ problems: inout [String]
    ) {
        let tags = cases.compactMap { $0["properties"]?["type"]?["const"]?.stringValue }
        guard let tag = value["type"]?.stringValue, let at = tags.firstIndex(of: tag) else {
            let name = path.isEmpty ? "type" : "\(path).type"
            return note(name, "must be one of \(tags.joined(separator: ", "))", &problems)
        }
        check(value, cases[at], at: path, &problems)
    }

    // MARK: Arrays, text, numbers

    private func checkElements(
        _ elements: [JSONValue], _ schema: JSONValue, at path: String, _ problems: inout [String]
    ) {
        if let least = schema["minItems"]?.intValue, elements.count < least {
            note(path, "must have at least \(least) elements", &problems)
        }
        if let most = schema["maxItems"]?.intValue, elements.count > most {
            note(path, "must have at most \(most) elements", &problems)
        }
        if schema["uniqueItems"] == true, Set(elements).count != elements.count {
            note(path, "must have no element twice", &problems)
        }
        guard let items = schema["items"] else { return }
        for (at, element) in elements.enumerated() { check(element, items, at: "\(path)[\(at)]", &problems) }
    }

    private func checkText(_ text: String, _ schema: JSONValue, at path: String, _ problems: inout [String]) {
        let count = text.unicodeScalars.count
        if let least = schema["minLength"]?.intValue, count < least {
            note(path, "must have at least \(least) characters", &problems)
        }
        if let most = schema["maxLength"]?.intValue, count > most {
            note(path, "must have at most \(most) characters", &problems)
        }
        if let most = schema["x-maxBytes"]?.intValue, text.utf8.count > most {
            note(path, "must have at most \(most) bytes", &problems)
        }
        switch schema["format"]?.stringValue {
        case "date-time" where Instant(text) == nil:
            note(path, "must be an RFC 3339 date and time, such as 2026-01-01T10:00:00.000Z", &problems)
        case "date" where LocalDate(text) == nil: note(path, "must be a date, such as 2026-01-01", &problems)
        default: break
        }
    }

    private func checkNumber(_ value: JSONValue, _ schema: JSONValue, at path: String, _ problems: inout [String]) {
        guard let number = Self.number(value) else { return }
        if let least = schema["minimum"].flatMap(Self.number), number < least {
            note(path, "must be at least \(schema["minimum"]?.jsonText ?? "")", &problems)
        }
        if let most = schema["maximum"].flatMap(Self.number), number > most {
            note(path, "must be at most \(schema["maximum"]?.jsonText ?? "")", &problems)
        }
        if let divisor = schema["multipleOf"].flatMap(Self.number), number.remainder(dividingBy: divisor) != 0 {
            note(path, "must be a multiple of \(schema["multipleOf"]?.jsonText ?? "")", &problems)
        }
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .int(let number): Double(number)
        case .uint(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}
