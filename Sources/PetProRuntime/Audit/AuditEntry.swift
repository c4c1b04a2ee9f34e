import Crypto
package import Rookery

/// A line of the audit log. Its hash covers the line and the hash of the line before, so that a line that was changed, or is
/// missing between others, is found.
package struct AuditEntry: Sendable, Hashable {
    /// The hash before the first line.
    package static let beginning = String(repeating: "0", count: 64)

    package let number: Int
    package let hash: String
    package let line: String

    /// Makes the entry after another one.
    package init(_ event: AuditEvent, part: String, at instant: Instant, after previous: AuditEntry?) {
        number = (previous?.number ?? 0) + 1
        var object: JSONObject = [
            "number": .int(Int64(number)), "at": .string(instant.description), "part": .string(part),
            "kind": .string(event.kind.rawValue),
        ]
        if let actor = event.actor { object["actor"] = .string(actor) }
        if let subject = event.subject { object["subject"] = .int(Int64(subject)) }
        if let operation = event.operation { object["operation"] = .string(operation) }
        if let about = event.object { object["object"] = .string(about) }
        object["previous"] = .string(previous?.hash ?? Self.beginning)
        hash = Self.hash(object)
        object["hash"] = .string(hash)
        line = JSONValue.object(object).jsonText
    }

    /// Why a line is not the one that was written.
    package enum Fault: Error, Hashable {
        case unreadable
        case changed
        /// Its number or its `previous` does not follow the line before.
        case outOfOrder
    }

    /// Reads a line, and checks that it follows another one. Nil accepts any line before.
    package init(_ line: some StringProtocol, after previous: AuditEntry?) throws(Fault) {
        guard let value = try? JSONValue(parsing: String(line)), case .object(let members) = value,
            let number = members["number"]?.intValue, let hash = members["hash"]?.stringValue
        else { throw .unreadable }
        var object = JSONObject()
        for (name, value) in members where name != "hash" { object[name] = value }
        guard Self.hash(object) == hash else { throw .changed }
        if let previous {
            guard number == Int64(previous.number) + 1, object["previous"]?.stringValue == previous.hash else {
                throw .outOfOrder
            }
        }
        self.number = Int(number)
        self.hash = hash
        self.line = String(line)
    }

    private static func hash(_ object: JSONObject) -> String {
        let text = JSONValue.object(object).jsonText
        return Hexadecimal.text(Array(SHA256.hash(data: Array(text.utf8))))
    }
}
