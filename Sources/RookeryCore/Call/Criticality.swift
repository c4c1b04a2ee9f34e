/// The importance of a message when a service sheds load.
public enum Criticality: Sendable, Hashable, CaseIterable {
    /// Refused last.
    case critical
    /// The criticality of most messages.
    case `default`
    /// Refused first.
    case sheddable

    /// The name on the wire: `critical`, `default` or `sheddable`.
    package var name: String { "\(self)" }

    /// The criticality with this name on the wire. Nil if there is none.
    package init?(name: String) {
        guard let value = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = value
    }
}
