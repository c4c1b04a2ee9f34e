import Histogram
import NIOCore
import Rookery
import Synchronization

/// Counts requests by operation, also those that the console does not keep. It does not count streams, such as watches of inventory.
///
/// Bounded: there is one counter for each operation, and one for requests that no route matches.
final class OperationCounts: Sendable {
    /// What was counted of one operation.
    struct Numbers: Sendable, Equatable {
        var requests = 0
        /// Answers with 400 to 499.
        var refused = 0
        /// Answers with 500 or more.
        var failed = 0
        /// By status, of those that were refused or failed.
        var statuses: [Int: Int] = [:]
        /// The times of this period and of the one before it.
        fileprivate var times = [Self.noTimes, Self.noTimes]
        fileprivate var periodStart: NIODeadline?

        /// Times in microseconds, from 1 µs to 134 s, at most a sixteenth too long.
        fileprivate static var noTimes: Histogram<UInt32> {
            Histogram(highestTrackableValue: longest, numberOfSignificantValueDigits: .one)
        }
        fileprivate static let longest: UInt64 = 134_000_000
    }

    /// How long a period is. Percentiles are of the current one and the one before: 1 min.
    static let period: TimeAmount = .seconds(60)

    /// Counts the requests of one operation.
    private final class Counter: Sendable {
        let method: String
        let path: String
        /// The number of the flow that begins with the operation. Nil if none does.
        let flow: Int?
        let numbers = Mutex(Numbers())

        /// Reads `GET /api/vendors`.
        init(_ text: String, flow: Int?) {
            self.flow = flow
            let parts = text.split(separator: " ", maxSplits: 1)
            method = String(parts.first ?? "")
            path = String(parts.dropFirst().first ?? "")
        }

        init(method: String, path: String) {
            self.method = method
            self.path = path
            flow = nil
        }

        var text: String { path.isEmpty ? method : "\(method) \(path)" }
    }

    /// The counters by path. A path has one for each method.
    private let counters: [String: [Counter]]
    private let unknown = Counter(method: "(no route)", path: "")

    /// Makes counters of operations, such as `GET /api/vendors`. `flows` are the operations that flows begin with.
    init(_ operations: [String], flows: [String?] = []) {
        let counters = Set(operations).map { Counter($0, flow: flows.firstIndex(of: $0)) }
        self.counters = Dictionary(grouping: counters, by: \.path)
    }

    /// Counts a request. `route` is the path of its operation, nil if no route matched. Returns the number of the flow that begins with
    /// the operation, nil if none does.
    @discardableResult
    func count(
        _ method: String, _ route: String?, _ status: Int, from began: NIODeadline, to ended: NIODeadline
    ) -> Int? {
        let counter = route.flatMap { counters[$0]?.first { $0.method == method } } ?? unknown
        counter.numbers.withLock { numbers in
            numbers.requests += 1
            if status >= 500 { numbers.failed += 1 } else if status >= 400 { numbers.refused += 1 }
            if status >= 400 { numbers.statuses[status, default: 0] += 1 }
            numbers.advance(to: ended)
            let microseconds = max(1, (ended - began).nanoseconds / 1000)
            numbers.times[0].record(min(UInt64(microseconds), Numbers.longest))
        }
        return counter.flow
    }

    /// What was counted, by operation, the most frequent first. Operations without a request are left out.
    func all(at now: NIODeadline = .now()) -> [(operation: String, numbers: Numbers)] {
        (counters.values.joined() + [unknown]).map { counter in
            (
                counter.text,
                counter.numbers.withLock { numbers -> Numbers in
                    numbers.advance(to: now)
                    return numbers
                }
            )
        }.filter { $0.1.requests > 0 }.sorted { ($1.1.requests, $0.0) < ($0.1.requests, $1.0) }
    }
}

extension OperationCounts.Numbers {
    fileprivate mutating func advance(to now: NIODeadline) {
        guard let start = periodStart else { return periodStart = now }
        guard now >= start + OperationCounts.period else { return }
        let isNext = now < start + OperationCounts.period * 2
        times = [Self.noTimes, isNext ? times[0] : Self.noTimes]
        periodStart = isNext ? start + OperationCounts.period : now
    }

    /// The time that this share of the last requests took at most. Nil without any.
    func time(of share: Double) -> Duration? {
        if recent == 0 { return nil }
        var all = times[0]
        all.add(times[1])
        return .microseconds(all.valueAtPercentile(100 * share))
    }

    /// The requests of the last one to two periods.
    var recent: Int { Int(times[0].totalCount + times[1].totalCount) }
}
