/// How much a message matters when a service has too much to do.
public enum Criticality: Sendable, Hashable, CaseIterable {
    /// Refused last.
    case critical
    /// Most messages.
    case `default`
    /// Refused first.
    case sheddable

    /// As it travels: `critical`, `default`, `sheddable`.
    package var name: String { "\(self)" }

    /// The one that travels under a name.
    package init?(name: String) {
        guard let value = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = value
    }
}
