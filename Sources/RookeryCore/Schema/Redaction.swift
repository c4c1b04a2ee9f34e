import Foundation
import RookeryWire

/// Texts of messages without what people wrote, to show what a call was about.
///
/// It keeps only what a schema says is harmless: members that the schema names, `true`, `false`, numbers, values of an enumeration,
/// times and UUIDs. Any other text becomes `"…"`, personal data `"[personal]"` and a secret `"[secret]"`. It omits members that the
/// schema does not have, and the names in a dictionary.
package enum Redaction {
    /// The most UTF-8 bytes of a text.
    package static let limit = 512
    /// The largest payload that is read. Of a larger one only the size is said.
    private static let mostRead = 65_536
    /// The most elements of a list.
    private static let mostElements = 8

    /// Returns the text of a body as JSON, at most ``limit`` bytes. Nil for a body without a value, and for one that is not readable.
    package static func text(of body: MessageBody, as schema: Schema?) -> String? {
        let payload = body.payload
        guard payload.range.isPresent else { return nil }
        if payload.range.count > mostRead { return "\"… \(payload.range.count) bytes\"" }
        guard let value = try? payload.value() else { return nil }
        // Each try shows less, so that the text stays JSON.
        for depth in [8, 3, 2] {
            let text = redacted(value, as: schema ?? Schema(.any), depth: depth).jsonText
            if text.utf8.count <= limit { return text }
        }
        return "\"…\""
    }

    private static func redacted(_ value: JSONValue, as schema: Schema, depth: Int) -> JSONValue {
        if depth == 0 { return value == .null ? .null : "…" }
        switch (schema.kind, value) {
        case (_, .null): return .null
        case (.boolean, .bool), (.integer, .int), (.number, .int), (.number, .double): return value
        case (.enumeration(let enumeration), _) where enumeration.values.contains(value): return value
        case (.string(let format?, _), .string(let text)) where isHarmless(text, format): return value
        case (.object(let message), .object(let object)): return members(object, of: message, depth: depth)
        case (.union(let union), .object(let object)):
            guard let message = union.cases.first(where: { object["type"]?.stringValue == $0.name }) else { return "…" }
            guard case .object(let rest) = members(object, of: message, depth: depth) else { return "…" }
            var shown: JSONObject = ["type": .string(message.name)]
            for (name, value) in rest { shown[name] = value }
            return .object(shown)
        case (.array(let element), .array(let values)):
            var shown = values.prefix(mostElements).map { redacted($0, as: element, depth: depth - 1) }
            if values.count > mostElements { shown.append(.string("… \(values.count - mostElements) more")) }
            return .array(shown)
        case (.dictionary, .object(let object)): return .string("… \(object.count) members")
        case (.optional(let wrapped), _): return redacted(value, as: wrapped, depth: depth)
        default: return "…"
        }
    }

    private static func members(_ object: JSONObject, of message: ObjectSchema, depth: Int) -> JSONValue {
        var shown: JSONObject = [:]
        for field in message.fields {
            guard let value = object[field.name] else { continue }
            shown[field.name] =
                field.isSensitive
                ? "[secret]"
                : field.personalData != nil ? "[personal]" : redacted(value, as: field.schema, depth: depth - 1)
        }
        return .object(shown)
    }

    /// Whether a text is a time or a UUID, as its format says.
    private static func isHarmless(_ text: String, _ format: String) -> Bool {
        switch format {
        case "date-time": Instant(text) != nil
        case "uuid": text.utf8.count == 36 && UUID(uuidString: text) != nil
        default: false
        }
    }
}
