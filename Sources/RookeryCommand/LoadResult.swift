import Foundation
import Rookery
import Histogram

/// One measurement of one service.
struct LoadResult {
    let target: Instance
    let seconds: Double
    let recorder: Recorder

    var rate: Double { seconds > 0 ? (Double(recorder.calls) / seconds).rounded() : 0 }

    func microseconds(_ percentile: Double) -> Double {
        (Double(recorder.latencies.valueAtPercentile(percentile)) / 100).rounded() / 10
    }

    static let percentiles = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)]

    /// The result as JSON, for programs.
    var object: JSONObject {
        var object: JSONObject = [
            "target": .string(target.description),
            "wire": .string(recorder.isBinary ? "negotiated" : "plain"),
            "seconds": .double((seconds * 1000).rounded() / 1000), "calls": .int(Int64(recorder.calls)),
            "values": .int(Int64(recorder.values)), "errors": .int(Int64(recorder.errors)), "rate": .double(rate),
        ]
        for (name, value) in Self.percentiles { object["\(name)_us"] = .double(microseconds(value)) }
        if let error = recorder.lastError { object["lastError"] = .string(error) }
        return object
    }

    /// The result as text, for people.
    var lines: [String] {
        var lines = [
            "\(recorder.calls) calls in \(String(format: "%.2f", seconds)) s, \(recorder.isBinary ? "negotiated" : "plain") wire",
            "rate    \(Int(rate)) calls/s",
        ]
        if recorder.values > recorder.calls { lines.append("values  \(Int(Double(recorder.values) / seconds)) /s") }
        for (name, value) in Self.percentiles {
            lines.append("\(padded(name, 8))\(String(format: "%.1f", microseconds(value))) µs")
        }
        lines.append("errors  \(recorder.errors)\(recorder.lastError.map { ", the last: \($0)" } ?? "")")
        return lines
    }

    /// A bar for each bucket of latencies. The upper bound of a bucket is twice that of the one before.
    var histogram: [String] {
        var buckets: [Int: UInt64] = [:]
        for value in recorder.latencies.recordedValues() {
            let bucket = 64 - max(1, value.value / 1000).leadingZeroBitCount
            buckets[bucket, default: 0] += UInt64(value.count)
        }
        guard let first = buckets.keys.min(), let last = buckets.keys.max(), let most = buckets.values.max() else {
            return []
        }
        return (first...last).map { bucket in
            let count = buckets[bucket] ?? 0
            let bar = String(repeating: "█", count: Int((Double(count) / Double(most) * 50).rounded(.up)))
            return "\(padded("< \(1 << bucket) µs", 14))\(padded(String(count), 10))\(bar)"
        }
    }
}
