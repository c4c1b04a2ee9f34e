import Rookery

/// TypeScript declarations of what a service takes and gives, for callers such as NestJS's `ClientProxy`.
struct TypeScriptDeclarations {
    /// The declarations, a module of their own.
    let text: String

    init(service: String, _ commands: [RemoteDescription.Command], _ definitions: JSONObject) {
        var lines = ["// The messages of \(service). Made by `rookery describe --typescript`; do not edit.", ""]
        for (name, schema) in definitions { lines += Self.declaration(name, schema) + [""] }
        lines.append("/** What is sent to each pattern, and what comes back. */")
        lines.append("export interface \(Self.identifier(service))Commands {")
        for command in commands {
            lines += Self.comment(command.description, "  ")
            let reply = command.kind == "event" ? "never" : command.reply.map { Self.type($0) } ?? "void"
            let key = JSONValue.string(command.pattern.value.jsonText).jsonText
            lines.append(
                "  \(key): { kind: '\(command.kind)'; request: \(Self.type(command.request)); reply: \(reply) };")
        }
        lines.append("}")
        text = lines.joined(separator: "\n")
    }

    private static func identifier(_ name: String) -> String {
        name.split { !$0.isLetter && !$0.isNumber }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func comment(_ text: String?, _ indent: String) -> [String] {
        guard let text else { return [] }
        // What would end the comment cannot stand in it.
        let safe = text.split(separator: "\n").joined(separator: "\n\(indent) * ")
            .split(separator: "*/", omittingEmptySubsequences: false).joined(separator: "* /")
        return ["\(indent)/** \(safe) */"]
    }

    private static func declaration(_ name: String, _ schema: JSONValue) -> [String] {
        let comment = comment(schema["description"]?.stringValue, "")
        if schema["enum"] != nil { return comment + ["export type \(name) = \(type(schema));"] }
        if let cases = schema["oneOf"]?.arrayValue {
            return comment + ["export type \(name) ="]
                + cases.enumerated().map { at, option in
                    "  | {\n\(members(option, "      "))\n    }\(at == cases.count - 1 ? ";" : "")"
                }
        }
        return comment + ["export interface \(name) {", members(schema, "  "), "}"]
    }

    private static func members(_ schema: JSONValue, _ indent: String) -> String {
        guard case .object(let properties)? = schema["properties"] else { return "" }
        let required = Set(schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        return properties.flatMap { name, property in
            let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            let key = isPlain ? name : JSONValue.string(name).jsonText
            return comment(property["description"]?.stringValue, indent) + [
                "\(indent)\(key)\(required.contains(name) ? "" : "?"): \(type(property));"
            ]
        }.joined(separator: "\n")
    }

    /// A schema as a type.
    private static func type(_ schema: JSONValue) -> String {
        if let name = SchemaText.reference(schema) { return name }
        if let constant = schema["const"] { return constant.jsonText }
        if let values = schema["enum"]?.arrayValue { return values.map(\.jsonText).joined(separator: " | ") }
        if let first = schema["allOf"]?.arrayValue?.first { return type(first) }
        if let options = schema["anyOf"]?.arrayValue { return options.map(type).joined(separator: " | ") }
        let types = schema["type"]?.stringValue.map { [$0] } ?? schema["type"]?.arrayValue?.compactMap(\.stringValue)
        guard let types else { return "unknown" }
        return types.map { name in
            switch name {
            case "integer", "number": "number"
            case "array":
                {
                    let element = type(schema["items"] ?? [:])
                    return element.contains(" ") ? "(\(element))[]" : "\(element)[]"
                }()
            case "object": "Record<string, \(schema["additionalProperties"].map(type) ?? "unknown")>"
            default: name
            }
        }.joined(separator: " | ")
    }
}
