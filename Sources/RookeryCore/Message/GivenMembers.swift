/// Members of a message that the receiver sets, so that the sender cannot. The decoder skips them in the text.
///
/// So an HTTP body can be a service's own message, without the members that come from the path or the token.
@usableFromInline package struct GivenMembers: Sendable {
    private let values: [String: any MessageValue]
    private let inside: [String: GivenMembers]

    /// Creates given members from values by name. `inside` has the given members of nested messages, by name.
    package init(_ values: [String: any MessageValue], inside: [String: GivenMembers] = [:]) {
        self.values = values
        self.inside = inside
    }

    /// Whether there are no given members.
    package var isEmpty: Bool { values.isEmpty && inside.isEmpty }
    /// The names of the given members, without those of nested messages.
    package var names: Set<String> { Set(values.keys) }
    /// Returns the given members of a nested message. Returns nil if there are none.
    package func inside(_ name: String) -> GivenMembers? { inside[name] }

    /// Returns the value of a member. Returns nil if it is not given.
    func value<Value: MessageValue>(_ name: String, _: Value.Type) -> Value? {
        // Two steps, because a direct cast of a missing member would give an optional that is nil.
        guard let value = values[name] else { return nil }
        return value as? Value
    }
}
