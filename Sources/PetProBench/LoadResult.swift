import Histogram
import Rookery

/// Counts the answers to a load.
final class LoadResult: @unchecked Sendable {
    // Confined to the load's event loop until the load has ended.

    /// The latencies of successes, in nanoseconds.
    private var latencies = LoadResult.histogram
    /// The latencies of refusals (status 503), in nanoseconds.
    private var refusals = LoadResult.histogram
    private(set) var answered = 0
    private(set) var refused = 0
    private(set) var others: [String: Int] = [:]
    var seconds = 0.0
    /// All answers, also those of the warm-up and of the end.
    var total = 0

    private static var histogram: Histogram<UInt64> {
        Histogram(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    }

    /// Records an answer. `nanoseconds` is the time since its request was due.
    func note(_ status: Int, isWanted: Bool, nanoseconds: Int64) {
        let value = UInt64(min(60_000_000_000, max(1, nanoseconds)))
        if isWanted {
            answered += 1
            _ = latencies.record(value)
        } else if status == 503 {
            refused += 1
            _ = refusals.record(value)
        } else {
            failed("\(status)")
        }
    }

    /// Counts a request that failed for this reason.
    func failed(_ reason: String) { others[reason, default: 0] += 1 }

    /// Successes per second.
    var rate: Double { seconds > 0 ? Double(answered) / seconds : 0 }
    /// Returns a percentile, 0 to 100, of the latencies of successes, in milliseconds.
    func latency(_ percentile: Double) -> Double { Double(latencies.valueAtPercentile(percentile)) / 1e6 }
    /// Returns a percentile, 0 to 100, of the latencies of refusals, in milliseconds.
    func refusal(_ percentile: Double) -> Double { Double(refusals.valueAtPercentile(percentile)) / 1e6 }

    /// The result as JSON, for programs.
    var json: JSONObject {
        var object: JSONObject = [
            "answered": .int(Int64(answered)), "refused": .int(Int64(refused)), "rate": .double(rate.rounded()),
            "others": .object(others.reduce(into: JSONObject()) { $0[$1.key] = .int(Int64($1.value)) }),
        ]
        for (name, at) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9), ("max", 100)] {
            object["\(name)_ms"] = .double(latency(at))
        }
        if refused > 0 { object["refusal_p99_ms"] = .double(refusal(99)) }
        return object
    }
}
