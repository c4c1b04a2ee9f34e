import CPostgres
import Rookery

// Texts that PostgreSQL gives and takes.
extension PostgresConnection {
    /// The error of a result, or of the connection.
    func failure(_ result: OpaquePointer?, _ sql: String) -> EngineError {
        func field(_ name: Character) -> String? {
            PQresultErrorField(result, Int32(name.asciiValue ?? 0)).map { String(cString: $0) }
        }
        let state = field("C") ?? ""
        let isLinked = PQstatus(link) == CONNECTION_OK
        let details = [field("M"), field("n").map { "constraint \($0)" }].compactMap { $0 }.joined(separator: ", ")
        var error =
            isLinked
            ? EngineError(Self.kind(state), "\(details.isEmpty ? linkMessage : details) (\(state))", sql: sql)
            : EngineError(.unavailable, linkMessage, sql: sql)
        error.isAnswered = !state.isEmpty
        return error
    }

    /// The kind of an error by its code (PostgreSQL's manual, appendix A).
    static func kind(_ state: String) -> EngineError.Kind {
        switch state {
        case "23502", "23503", "23505", "23514", "23P01": .constraint
        case "40001", "40P01": .conflict
        case "55P03", "57014", "53200", "53300", "53400": .busy
        case "53100": .full
        case "25P03", "25P04", "57P01", "57P02", "57P03", "57P05": .unavailable
        default: state.hasPrefix("08") ? .unavailable : .other
        }
    }

    /// Returns a statement with `$1`, `$2` … in place of each `?` that is not within quotes, and their number. Counts on from
    /// `last`.
    static func numbered(_ sql: String, from last: Int = 0) -> (text: String, count: Int) {
        var text = ""
        var count = 0
        var isQuoted = false
        for character in sql {
            if character == "'" { isQuoted.toggle() }
            if character == "?", !isQuoted {
                count += 1
                text += "$\(last + count)"
            } else {
                text.append(character)
            }
        }
        return (text, count)
    }

    /// A value in the text format, which PostgreSQL reads as the type that the statement needs. Nil for null.
    static func text(_ value: SQLValue) -> String? {
        switch value {
        case .null: nil
        case .integer(let value): String(value)
        case .real(let value): "\(value)"
        case .text(let value): value
        case .blob(let bytes): "\\x" + Hexadecimal.text(bytes)
        }
    }
}
