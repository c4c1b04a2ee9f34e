import Histogram
import Rookery

/// What a load was answered.
final class LoadResult: @unchecked Sendable {
    // Confined to the load's event loop until that has ended.

    /// Of the answers that were wanted, in nanoseconds.
    private var latencies = LoadResult.histogram
    /// Of those that refused for overload.
    private var refusals = LoadResult.histogram
    private(set) var answered = 0
    private(set) var refused = 0
    private(set) var others: [String: Int] = [:]
    var seconds = 0.0

    private static var histogram: Histogram<UInt64> {
        Histogram(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    }

    /// Notes an answer that came so long after it was due to be asked for.
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

    /// Notes a request without a wanted answer.
    func failed(_ reason: String) { others[reason, default: 0] += 1 }

    /// Wanted answers a second.
    var rate: Double { seconds > 0 ? Double(answered) / seconds : 0 }
    /// Milliseconds that this share of the wanted answers stayed within, from 0 to 100.
    func latency(_ percentile: Double) -> Double { Double(latencies.valueAtPercentile(percentile)) / 1e6 }
    /// The same of refusals.
    func refusal(_ percentile: Double) -> Double { Double(refusals.valueAtPercentile(percentile)) / 1e6 }

    /// For machines.
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
