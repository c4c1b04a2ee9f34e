extension DestinationMachine {
    /// An attempt under way. Pass it to ``attemptEnded(_:_:latency:at:random:)`` on every path.
    package struct Attempt: Sendable, Hashable {
        /// The instance that the attempt calls.
        package let instance: Instance
        /// Identifies the instance's entry in the list. An instance that was removed and added again has another
        /// serial.
        package let serial: UInt64
        /// The shortened timeout of the attempt, because another attempt could follow. Nil for the full deadline.
        package let limit: Duration?
        /// The command, if its usual time is of interest.
        let command: String?
        /// Whether the attempt has a shortened timeout.
        package var isLimited: Bool { limit != nil }
        /// Whether the attempt tests if an instance that backs off is back.
        let isTest: Bool
        /// Whether the attempt tests if an ejected instance answers again.
        let testsEjected: Bool
        /// The index of the instance in the list when the attempt started.
        let place: Int
        let group: Int
        let groupTicket: CircuitBreaker.Ticket?
        let instanceTicket: CircuitBreaker.Ticket?
    }
}
