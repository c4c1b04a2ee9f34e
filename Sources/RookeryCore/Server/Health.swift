/// The health report that every server sends in reply to ``pattern``.
package enum Health {
    /// The pattern of the request.
    package static let pattern: Pattern = "$rookery.health"
    /// Has a group of its own, so that an overloaded service still reports its health.
    static let command = Command("health", pattern: pattern, idempotency: .safe, group: "health")

    /// The state of a service.
    package enum Status: String, Sendable, Hashable {
        /// All checks passed.
        case ready
        /// A check that is not required failed.
        case degraded
        /// A required check failed, or the service is stopping.
        case notReady = "not_ready"
    }
}
