import DequeModule
import Synchronization

/// The spans of a ``BoundedTracer`` that end from now on, for one reader.
///
/// Bounded: a reader that is more than `limit` spans behind misses the newest ones. Nothing waits for it.
package final class SpanWatch: Sendable {
    private struct State {
        var spans: Deque<BoundedSpan> = []
        var missed = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    func ended(_ span: BoundedSpan) {
        state.withLock { state in
            if state.spans.count < limit { state.spans.append(span) } else { state.missed += 1 }
        }
    }

    /// How many spans wait for the reader.
    package var count: Int { state.withLock { $0.spans.count } }

    /// Takes the oldest spans, at most `count`, and the number that was missed since the last time.
    package func take(atMost count: Int) -> (spans: [BoundedSpan], missed: Int) {
        state.withLock { state in
            let taken = Array(state.spans.prefix(count))
            state.spans.removeFirst(taken.count)
            defer { state.missed = 0 }
            return (taken, state.missed)
        }
    }
}

/// The watches of a tracer. Without one, an ending span costs one load.
final class SpanWatches: Sendable {
    private let watched = Atomic(false)
    private let watches = Mutex<[SpanWatch]>([])

    /// Whether there is one.
    var isWatched: Bool { watched.load(ordering: .relaxed) }

    func ended(_ span: BoundedSpan) {
        guard isWatched else { return }
        for watch in watches.withLock({ $0 }) { watch.ended(span) }
    }

    /// Adds a watch. Returns false if there are `most` already.
    func add(_ watch: SpanWatch, most: Int) -> Bool {
        watches.withLock { watches in
            if watches.count >= most { return false }
            watches.append(watch)
            watched.store(true, ordering: .relaxed)
            return true
        }
    }

    func remove(_ watch: SpanWatch) {
        watches.withLock { watches in
            watches.removeAll { $0 === watch }
            watched.store(!watches.isEmpty, ordering: .relaxed)
        }
    }
}
