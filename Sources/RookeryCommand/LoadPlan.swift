import NIOCore
import Rookery

/// What every connection of a load does.
struct LoadPlan: Sendable {
    /// When calls are sent.
    enum Pace: Sendable {
        /// The next one when one is answered, so many at a time.
        case closed(inFlight: Int)
        /// One every so many nanoseconds, whatever is answered.
        case open(interval: Double)
    }

    let pattern: Pattern
    let data: JSONValue
    /// What a hello offers; nil for a connection without one.
    let hello: Hello?
    /// The serializer of payloads on negotiated connections.
    let format: ValueFormat
    let compresses: Bool
    let pace: Pace
    /// Answers to calls sent before are not counted.
    let begin: NIODeadline
    let end: NIODeadline
    let counters: LoadCounters

    /// Calls that an open loop has under way on a connection before further ones have to wait; their latency counts from
    /// when they should have been sent all the same.
    static let openLimit = 4096
    var slots: Int { if case .closed(let inFlight) = pace { inFlight } else { Self.openLimit } }
}
