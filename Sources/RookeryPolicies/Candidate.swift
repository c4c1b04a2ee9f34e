/// An instance as a balancer sees it.
package struct Candidate: Sendable, Hashable {
    /// Its place in the list.
    package var index: Int
    /// Calls in flight.
    package var inFlight: Int
    /// The latency it promises, in seconds.
    package var latency: Double
    /// How much of a full share it gets, above 0 to 1: new ones get less.
    package var weight: Double

    /// Describes one.
    package init(index: Int, inFlight: Int, latency: Double, weight: Double) {
        self.index = index
        self.inFlight = inFlight
        self.latency = latency
        self.weight = weight
    }
}
