import RookeryWire

/// Which serializers a client or server has, and which a client uses.
public struct SerializerChoice: Sendable {
    /// Serializers beside the built-in ones.
    package var custom: [any MessageSerializer]
    /// The one that a client uses, if the server has it too; JSON if not. Default `json`.
    package var preferred: String
    /// Other choices for some patterns, by the pattern's normal form.
    package var byPattern: [String: String]

    /// JSON, unless said otherwise.
    public init(
        preferred: String = "json", byPattern: [Pattern: String] = [:],
        custom: [any MessageSerializer] = []
    ) {
        self.custom = custom
        self.preferred = preferred
        self.byPattern = Dictionary(uniqueKeysWithValues: byPattern.map { ($0.key.route, $0.value) })
    }

    /// All names, the preferred one first.
    package var names: [String] {
        let all = ValueFormat.allCases.map(\.name) + custom.map(\.name)
        return all.filter { $0 == preferred } + all.filter { $0 != preferred }
    }
}
