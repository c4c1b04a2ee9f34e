/// What stands where.
public struct DestinationStatus: Sendable, Hashable {
    /// One instance.
    public struct InstanceStatus: Sendable, Hashable {
        /// Which.
        public let instance: Instance
        /// Where its breaker stands.
        public let breaker: CircuitBreaker.Position
        /// Whether it is left out for a while.
        public let isEjected: Bool
        /// Whether the last attempt to connect worked.
        public let isReachable: Bool
        /// Attempts under way.
        public let inFlight: Int
    }

    /// One group of commands.
    public struct GroupStatus: Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Where its breaker stands.
        public let breaker: CircuitBreaker.Position
        /// Whether the breaker would let a call through now.
        public let admits: Bool
        /// Calls under way.
        public let callsInFlight: Int
    }

    /// The groups that have been called, the default one first.
    public let groups: [GroupStatus]
    /// All instances.
    public let instances: [InstanceStatus]

    /// The groups whose breakers let no call through now.
    public var refusingGroups: [GroupStatus] { groups.filter { !$0.admits } }

    /// Whether calls of every group can be expected to get through.
    public var isAvailable: Bool { refusingGroups.isEmpty && instances.contains { $0.isReachable } }
}
