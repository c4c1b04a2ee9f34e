/// The state of a destination: its groups of commands and its instances.
package struct DestinationStatus: Sendable, Hashable {
    /// The state of one instance.
    package struct InstanceStatus: Sendable, Hashable {
        /// The instance.
        package let instance: Instance
        /// The position of the instance's breaker.
        package let breaker: CircuitBreaker.Position
        /// How long its breaker refuses calls yet. Nil if it is not open.
        package let timeUntilProbe: Duration?
        /// How long the instance stays ejected. Nil if it is not.
        package let ejectedFor: Duration?
        /// Whether the instance is ejected.
        package var isEjected: Bool { ejectedFor != nil }
        /// False after a failed connection attempt, until the instance answers.
        package let isReachable: Bool
        /// Attempts under way.
        package let inFlight: Int
    }

    /// The state of one group of commands.
    package struct GroupStatus: Sendable, Hashable {
        /// The name of the group.
        package let name: String
        /// The position of the group's breaker.
        package let breaker: CircuitBreaker.Position
        /// Whether the breaker would admit a call now.
        package let admits: Bool
        /// How long the breaker refuses calls yet. Nil if it is not open.
        package let timeUntilProbe: Duration?
        /// Calls under way.
        package let callsInFlight: Int
    }

    /// The default group, then the other groups in the order of their first call.
    package let groups: [GroupStatus]
    /// All instances.
    package let instances: [InstanceStatus]

    package init(groups: [GroupStatus], instances: [InstanceStatus]) {
        self.groups = groups
        self.instances = instances
    }

    /// The groups whose breakers refuse calls now.
    package var refusingGroups: [GroupStatus] { groups.filter { !$0.admits } }

    /// Whether the breaker of every group admits calls and at least one instance is reachable.
    package var isAvailable: Bool { refusingGroups.isEmpty && instances.contains { $0.isReachable } }
}
