/// Members of a message that its receiver gives, and its sender cannot: what stands in the text under their names is passed
/// over. So an HTTP body can be a service's own message, without what comes from the path or the token.
@usableFromInline package struct GivenMembers: Sendable {
    private let values: [String: any MessageValue]
    private let inside: [String: GivenMembers]

    /// Values by their members' names, and the same for members that are messages themselves.
    package init(_ values: [String: any MessageValue], inside: [String: GivenMembers] = [:]) {
        self.values = values
        self.inside = inside
    }

    /// Whether nothing is given.
    package var isEmpty: Bool { values.isEmpty && inside.isEmpty }
    /// The members given.
    package var names: Set<String> { Set(values.keys) }
    /// What is given for a message inside.
    package func inside(_ name: String) -> GivenMembers? { inside[name] }

    /// The value of a member; nil when it is not given.
    func value<Value: MessageValue>(_ name: String, _: Value.Type) -> Value? {
        // Not in one step: a missing member would be cast to an optional that is nil.
        guard let value = values[name] else { return nil }
        return value as? Value
    }
}
