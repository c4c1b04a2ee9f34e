/// How much a message matters when a service has too much to do.
public enum Criticality: String, Sendable, Hashable, CaseIterable {
    /// Refused last.
    case critical
    /// Most messages.
    case `default`
    /// Refused first.
    case sheddable
}
