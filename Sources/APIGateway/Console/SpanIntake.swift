import OTLPTraces
import Rookery
import Synchronization
import TraceStore

/// The spans that other programs have sent, until they are stored. Bounded: what is too much is refused, and its sender tries again.
final class SpanIntake: Sendable {
    /// How many spans may wait: 65 536. At a million a minute, that is four seconds of them.
    static let limit = 65_536

    private let waiting = Mutex<[OwnedSpan]>([])
    private let count = Atomic(0)

    /// How many spans were taken since the start.
    var taken: Int { count.load(ordering: .relaxed) }

    /// Takes all the spans, or none. Returns whether there was room.
    func take(_ spans: [OwnedSpan]) -> Bool {
        let isTaken = waiting.withLock { waiting in
            if waiting.count + spans.count > Self.limit { return false }
            waiting += spans
            return true
        }
        if isTaken { count.add(spans.count, ordering: .relaxed) }
        return isTaken
    }

    /// What has waited since the last time.
    func drain() -> [OwnedSpan] {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
