import Histogram
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
        fileprivate var periodStart: Duration = .zero

        /// Times in microseconds, from 1 µs to 134 s, at most a sixteenth too long.
        fileprivate static var noTimes: Histogram<UInt32> {
            Histogram(highestTrackableValue: longest, numberOfSignificantValueDigits: .one)
        }
        fileprivate static let longest: UInt64 = 134_000_000
    }

    /// How long a period is. Percentiles are of the current one and the one before: 1 min.
    static let period: Duration = .seconds(60)

    private struct Operation: Hashable {
        let method: String
        let path: String

        /// Reads `GET /api/vendors`.
        init(_ text: String) {
            let parts = text.split(separator: " ", maxSplits: 1)
            self.init(method: String(parts.first ?? ""), path: String(parts.dropFirst().first ?? ""))
        }

        init(method: String, path: String) {
            self.method = method
            self.path = path
        }

        var text: String { path.isEmpty ? method : "\(method) \(path)" }
    }

    private let numbers: [Operation: Mutex<Numbers>.Box]
    private let start = ContinuousClock.now
    private static let unknown = Operation(method: "(no route)", path: "")

    /// Makes counters of operations, such as `GET /api/vendors`.
    init(_ operations: [String]) {
        numbers = Dictionary(
            (operations.map { Operation($0) } + [Self.unknown]).map { ($0, Mutex<Numbers>.Box(Numbers())) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Counts a request. `route` is the path of its operation, nil if no route matched.
    func count(_ method: String, _ route: String?, status: Int, took: Duration) {
        count(method, route, status, took, at: start.duration(to: .now))
    }

    func count(_ method: String, _ route: String?, _ status: Int, _ took: Duration, at uptime: Duration) {
        let operation = route.map { Operation(method: method, path: $0) } ?? Self.unknown
        guard let box = numbers[operation] ?? numbers[Self.unknown] else { return }
        box.value.withLock { numbers in
            numbers.requests += 1
            if status >= 500 { numbers.failed += 1 } else if status >= 400 { numbers.refused += 1 }
            if status >= 400 { numbers.statuses[status, default: 0] += 1 }
            numbers.advance(to: uptime)
            numbers.times[0].record(UInt64(min(max(1, took / .microseconds(1)), Double(Numbers.longest))))
        }
    }

    /// What was counted, by operation, the most frequent first. Operations without a request are left out.
    func all(at uptime: Duration? = nil) -> [(operation: String, numbers: Numbers)] {
        let uptime = uptime ?? start.duration(to: .now)
        return numbers.map { operation, box in
            (
                operation.text,
                box.value.withLock { numbers -> Numbers in
                    numbers.advance(to: uptime)
                    return numbers
                }
            )
        }.filter { $0.1.requests > 0 }.sorted { ($1.1.requests, $0.0) < ($0.1.requests, $1.0) }
    }
}

extension OperationCounts.Numbers {
    fileprivate mutating func advance(to uptime: Duration) {
        guard uptime >= periodStart + OperationCounts.period else { return }
        let isNext = uptime < periodStart + OperationCounts.period * 2
        times = [Self.noTimes, isNext ? times[0] : Self.noTimes]
        periodStart = isNext ? periodStart + OperationCounts.period : uptime
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

extension Mutex where Value: Sendable {
    /// A lock in a dictionary.
    final class Box: Sendable {
        let value: Mutex<Value>
        init(_ value: sending Value) { self.value = Mutex(value) }
    }
}
