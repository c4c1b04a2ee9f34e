import NIOCore
import Rookery

/// What every connection of a load does.
struct LoadPlan: Sendable {
    /// When calls are sent.
    enum Pace: Sendable {
        /// Keeps `inFlight` calls in flight on each connection: each answer triggers the next call.
        case closed(inFlight: Int)
        /// Sends a call every `interval` nanoseconds on each connection, whether or not earlier calls were answered.
        case open(interval: Double)
    }

    let pattern: Pattern
    let data: JSONValue
    /// What the hello offers; nil when connections send no hello.
    let hello: Hello?
    /// The key that is shown to a server that asks for one.
    let key: ServiceKey?
    /// The name of the service, for which the key is proven.
    let service: String
    /// The serializer of payloads on negotiated connections.
    let format: ValueFormat
    let compresses: Bool
    let pace: Pace
    /// The end of the warm-up. Answers to calls sent before it do not count.
    let begin: NIODeadline
    let end: NIODeadline
    let counters: LoadCounters

    /// The most calls that an open loop has in flight on a connection. Further calls wait, but their latency still
    /// counts from the time they were due.
    static let openLimit = 4096
    var slots: Int { if case .closed(let inFlight) = pace { inFlight } else { Self.openLimit } }
}
