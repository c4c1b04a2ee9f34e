/// An instance as a balancer sees it.
package struct Candidate: Sendable, Hashable {
    /// The index of the instance in the destination's list.
    package var index: Int
    /// The attempts in flight at the instance.
    package var inFlight: Int
    /// The expected latency, in seconds.
    package var latency: Double
    /// The part of a full share of calls, above 0 and at most 1. Below 1 during an instance's slow start.
    package var weight: Double

    /// Makes a candidate.
    package init(index: Int, inFlight: Int, latency: Double, weight: Double) {
        self.index = index
        self.inFlight = inFlight
        self.latency = latency
        self.weight = weight
    }
}
