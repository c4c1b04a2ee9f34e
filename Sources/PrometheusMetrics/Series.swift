import CoreMetrics
import Foundation
import Synchronization

/// One series: a number, or a histogram.
final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    /// The upper bounds of the buckets, in seconds: 0.5 ms to 10 s.
    static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    struct State: Sendable {
        var value = 0.0
        /// How many values were in each bucket, not added up; the last one has what is above all bounds.
        var buckets: [Int]
        var count = 0
        /// The last value of each bucket that has a trace, at most one a second.
        var exemplars: [Exemplar?]
    }

    private let state: Mutex<State>

    /// Returns the trace of what is being recorded. Nil without one.
    private let trace: @Sendable () -> String?

    init(_ kind: MetricKind, trace: @escaping @Sendable () -> String? = { nil }) {
        self.trace = trace
        let buckets = kind == .histogram ? Self.bounds.count + 1 : 0
        state = Mutex(
            State(
                buckets: Array(repeating: 0, count: buckets), exemplars: Array(repeating: nil, count: buckets)))
    }

    var current: State { state.withLock { $0 } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { state.withLock { $0.value += amount } }
    func decrement(by amount: Double) { increment(by: -amount) }
    func reset() { state.withLock { $0.value = 0 } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.value = value } }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count
        let now = Date().timeIntervalSince1970
        let isDue = state.withLock { state in
            if state.buckets.isEmpty {
                state.value = value
                return false
            }
            state.value += value
            state.count += 1
            state.buckets[bucket] += 1
            return state.exemplars[bucket].map { now >= $0.at + 1 || now < $0.at } ?? true
        }
        // A trace's text costs more than the rest, so it is made once a second.
        guard isDue, let trace = trace() else { return }
        state.withLock { $0.exemplars[bucket] = Exemplar(trace: trace, value: value, at: now) }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }
}
