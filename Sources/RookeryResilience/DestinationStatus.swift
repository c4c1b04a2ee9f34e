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

    /// Where the destination's breaker stands.
    public let breaker: CircuitBreaker.Position
    /// Whether the breaker would let a call through now.
    public let admits: Bool
    /// Calls under way.
    public let callsInFlight: Int
    /// All instances.
    public let instances: [InstanceStatus]

    /// Whether calls can be expected to get through.
    public var isAvailable: Bool { admits && instances.contains { $0.isReachable } }
}
