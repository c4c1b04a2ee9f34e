import CommandSupport
import Rookery

/// Renders JSON Schema as text for people.
struct SchemaText {
    /// The messages and enums that schemas refer to.
    private let definitions: JSONObject

    init(_ definitions: JSONObject) { self.definitions = definitions }

    /// Returns the messages of a command, such as `GetBooking → Booking`. The arrow of a stream is `⇉`, and the values of a
    /// client stream end with `…`.
    static func signature(of command: RemoteDescription.Command) -> String {
        let arrow = command.kind == "stream" ? "⇉" : "→"
        let request = type(of: command.request) + (command.clientStream.map { ", \(type(of: $0))…" } ?? "")
        guard command.kind != "event" else { return request }
        return "\(request) \(arrow) \(command.reply.map { type(of: $0) } ?? "nothing")"
    }

    /// Returns the commands, and then each message and enum that they refer to, once.
    func text(of commands: [RemoteDescription.Command]) -> String {
        var names: [String] = []
        let parts = commands.map { command in
            for schema in [command.request, command.clientStream, command.reply].compactMap({ $0 }) {
                collect(schema, &names)
            }
            return text(of: command)
        }
        return (parts + names.map(definition)).joined(separator: "\n\n")
    }

    private func text(of command: RemoteDescription.Command) -> String {
        var lines = [Terminal.strong("\(command.kind) \(command.pattern)") + "  \(Self.signature(of: command))"]
        lines += comment(command.description, "  ")
        var facts: [String] = []
        if !command.alternatives.isEmpty {
            facts.append("also at \(command.alternatives.map(\.description).joined(separator: ", "))")
        }
        if let idempotency = command.json["idempotency"]?.stringValue { facts.append(idempotency) }
        if let timeout = command.json["timeoutMs"]?.intValue { facts.append("timeout \(timeout) ms") }
        if let group = command.json["group"]?.stringValue { facts.append("group \(group)") }
        if let resuming = command.json["resuming"], let after = resuming["after"]?.stringValue {
            facts.append("goes on by \(after)")
        }
        if !facts.isEmpty { lines.append("  \(facts.joined(separator: " · "))") }
        if let errors = command.json["errors"]?.arrayValue?.compactMap(\.stringValue), !errors.isEmpty {
            lines.append("  errors: \(errors.joined(separator: ", "))")
        }
        return lines.joined(separator: "\n")
    }

    private func definition(_ name: String) -> String {
        let schema = definitions[name] ?? [:]
        var lines = [Terminal.strong(name)] + comment(schema["description"]?.stringValue, "  ")
        if let values = schema["enum"]?.arrayValue {
            lines.append("  " + values.map { $0.stringValue ?? $0.jsonText }.joined(separator: " | "))
        }
        for option in schema["oneOf"]?.arrayValue ?? [] {
            lines.append("  type \(option["properties"]?["type"]?["const"]?.jsonText ?? "?")")
            lines += fields(of: option, "    ")
        }
        lines += fields(of: schema, "  ")
        return lines.joined(separator: "\n")
    }

    private func fields(of schema: JSONValue, _ indent: String) -> [String] {
        guard case .object(let properties)? = schema["properties"] else { return [] }
        let required = Set(schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        let shown = properties.filter { $0.1["const"] == nil }
        let width = (shown.map { $0.0.count }.max() ?? 0) + 2
        return shown.flatMap { name, property in
            let mark = required.contains(name) ? "" : "?"
            let rules = Self.rules(of: property)
            let line = "\(indent)\(padded(name + mark, width))\(Self.type(of: property))"
            return [rules.isEmpty ? line : "\(line)  (\(rules))"]
                + comment(property["description"]?.stringValue, indent + "  ")
        }
    }

    private func comment(_ text: String?, _ indent: String) -> [String] {
        text.map { $0.split(separator: "\n").map { "\(indent)\($0)" } } ?? []
    }

    private func collect(_ schema: JSONValue, _ names: inout [String]) {
        if let name = Self.reference(schema) {
            if names.contains(name) { return }
            names.append(name)
            return collect(definitions[name] ?? [:], &names)
        }
        switch schema {
        case .object(let object): for (_, value) in object { collect(value, &names) }
        case .array(let elements): for element in elements { collect(element, &names) }
        default: break
        }
    }

    /// Returns the name in a schema's `$ref`, or nil without one.
    static func reference(_ schema: JSONValue) -> String? {
        schema["$ref"]?.stringValue?.split(separator: "/").last.map(String.init)
    }

    private static func type(of schema: JSONValue) -> String {
        if let name = reference(schema) { return name }
        if let parts = schema["allOf"]?.arrayValue, let first = parts.first { return type(of: first) }
        if let options = schema["anyOf"]?.arrayValue {
            return options.map { type(of: $0) }.joined(separator: " or ")
        }
        let types = schema["type"]?.stringValue.map { [$0] } ?? schema["type"]?.arrayValue?.compactMap(\.stringValue)
        guard let types else { return "anything" }
        return types.map { name in
            switch name {
            case "array": "[\(type(of: schema["items"] ?? [:]))]"
            case "object": schema["additionalProperties"].map { "{name: \(type(of: $0))}" } ?? name
            case "string": schema["format"]?.stringValue ?? name
            default: name
            }
        }.joined(separator: " or ")
    }

    private static func rules(of schema: JSONValue) -> String {
        var rules: [String] = []
        func range(_ least: String, _ most: String, _ unit: String) {
            switch (schema[least]?.jsonText, schema[most]?.jsonText) {
            case (let least?, let most?): rules.append("\(least) to \(most)\(unit)")
            case (let least?, nil): rules.append("at least \(least)\(unit)")
            case (nil, let most?): rules.append("at most \(most)\(unit)")
            case (nil, nil): break
            }
        }
        range("minLength", "maxLength", " characters")
        range("minItems", "maxItems", " elements")
        range("minimum", "maximum", "")
        range("x-minimum", "x-maximum", "")
        if let divisor = schema["multipleOf"]?.jsonText { rules.append("multiple of \(divisor)") }
        if let minutes = schema["x-wholeMinutes"]?.jsonText { rules.append("on a multiple of \(minutes) minutes") }
        if schema["uniqueItems"] == true { rules.append("no element twice") }
        if let value = schema["default"] { rules.append("default \(value.jsonText)") }
        if let category = schema["x-personal-data"]?.stringValue { rules.append("personal data: \(category)") }
        if schema["x-sensitive"] == true { rules.append("secret") }
        return rules.joined(separator: ", ")
    }
}
