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
