/// The labels of a series, sorted by name.
struct Labels: Sendable, Hashable {
    private let pairs: [Pair]

    private struct Pair: Sendable, Hashable {
        let name: String
        let value: String
    }

    /// The last value of a name counts.
    init(_ dimensions: [(String, String)]) {
        let named = dimensions.map { (Self.name($0.0), $0.1) }
        pairs = Dictionary(named, uniquingKeysWith: { $1 }).sorted { $0.key < $1.key }
            .map { Pair(name: $0.key, value: $0.value) }
    }

    /// The series that takes what is too much.
    static let overflow = Labels([("overflow", "true")])

    private static func name(_ text: String) -> String {
        let name = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        return name.first?.isNumber == true || name.isEmpty ? "_" + name : name
    }

    /// `{a="b",c="d"}`, or nothing without labels. `more` is a further label at the end.
    func text(_ more: (name: String, value: String)? = nil) -> String {
        var parts = pairs.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
        if let more { parts.append("\(more.name)=\"\(Self.escaped(more.value))\"") }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
