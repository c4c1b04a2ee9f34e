/// What stands where.
package struct DestinationStatus: Sendable, Hashable {
    /// One instance.
    package struct InstanceStatus: Sendable, Hashable {
        /// Which.
        package let instance: Instance
        /// Where its breaker stands.
        package let breaker: CircuitBreaker.Position
        /// Whether it is left out for a while.
        package let isEjected: Bool
        /// Whether the last attempt to connect worked.
        package let isReachable: Bool
        /// Attempts under way.
        package let inFlight: Int
    }

    /// One group of commands.
    package struct GroupStatus: Sendable, Hashable {
        /// Its name.
        package let name: String
        /// Where its breaker stands.
        package let breaker: CircuitBreaker.Position
        /// Whether the breaker would let a call through now.
        package let admits: Bool
        /// Calls under way.
        package let callsInFlight: Int
    }

    /// The groups that have been called, the default one first.
    package let groups: [GroupStatus]
    /// All instances.
    package let instances: [InstanceStatus]

    package init(groups: [GroupStatus], instances: [InstanceStatus]) {
        self.groups = groups
        self.instances = instances
    }

    /// The groups whose breakers let no call through now.
    package var refusingGroups: [GroupStatus] { groups.filter { !$0.admits } }

    /// Whether calls of every group can be expected to get through.
    package var isAvailable: Bool { refusingGroups.isEmpty && instances.contains { $0.isReachable } }
}
