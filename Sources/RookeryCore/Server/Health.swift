/// Something that a service needs to work: its database, another service.
public struct HealthCheck: Sendable {
    /// What it is called in the answer.
    package let name: String
    /// Whether the service is of no use without it. What it can do some of its work without only degrades it.
    package let isRequired: Bool
    /// Finds out; throws when it is not there. A check that takes over 1 s counts as failed. Its task is cancelled when the
    /// server stops.
    package let check: @Sendable () async throws -> Void

    /// Names a need.
    public init(_ name: String, isRequired: Bool = true, _ check: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.isRequired = isRequired
        self.check = check
    }

    /// A need is not met. Only logs show the text.
    package struct Failed: Error, CustomStringConvertible {
        /// In words, fit for whoever runs the service.
        package let description: String

        /// Says why.
        package init(_ description: String) { self.description = description }
    }
}

/// What every server answers about itself, at one pattern.
package enum Health {
    /// The pattern at which it is asked.
    package static let pattern: Pattern = "$rookery.health"
    /// A group of its own: an overloaded service still answers that it is there.
    static let command = Command("health", pattern: pattern, idempotency: .safe, group: "health")

    /// What a service is good for now.
    package enum Status: String, Sendable, Hashable {
        /// All it needs is there.
        case ready
        /// Something it can do without, for some of its work, is not there.
        case degraded
        /// Something it needs is not there, or it is stopping.
        case notReady = "not_ready"
    }
}
