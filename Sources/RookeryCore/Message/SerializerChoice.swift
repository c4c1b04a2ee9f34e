import RookeryWire

/// The serializers that a client or server supports, and those that a client prefers.
public struct SerializerChoice: Sendable {
    /// Custom serializers, in addition to the built-in ones.
    package var custom: [any MessageSerializer]
    /// The serializer that a client uses if the server supports it. Otherwise the client uses the first one that both have. Default `json`.
    package var preferred: String
    /// The preferred serializers of single patterns, by the pattern's normal form.
    package var byPattern: [String: String]

    /// Creates a choice. By default, it prefers JSON for all patterns.
    public init(
        preferred: String = "json", byPattern: [Pattern: String] = [:],
        custom: [any MessageSerializer] = []
    ) {
        self.custom = custom
        self.preferred = preferred
        self.byPattern = Dictionary(uniqueKeysWithValues: byPattern.map { ($0.key.route, $0.value) })
    }

    /// The names of all serializers, the preferred one first.
    package var names: [String] {
        let all = ValueFormat.allCases.map(\.name) + custom.map(\.name)
        return all.filter { $0 == preferred } + all.filter { $0 != preferred }
    }
}
