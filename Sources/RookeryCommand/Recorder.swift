import Histogram
import NIOCore
import Rookery

/// Counts what one connection received. Confined to the connection's event loop until the connection has ended.
final class Recorder: @unchecked Sendable {
    var latencies = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    var calls = 0
    var values = 0
    var errors = 0
    var lastError: String?
    var isBinary = false
    var endedAt = NIODeadline.uptimeNanoseconds(0)

    func record(nanoseconds: Int64) {
        calls += 1
        _ = latencies.record(UInt64(min(60_000_000_000, max(1, nanoseconds))))
    }

    func failed(_ count: Int, _ reason: String) {
        errors += count
        lastError = reason
    }

    func add(_ other: Recorder) {
        endedAt = max(endedAt, other.endedAt)
        latencies.add(other.latencies)
        calls += other.calls
        values += other.values
        errors += other.errors
        isBinary = isBinary || other.isBinary
        lastError = lastError ?? other.lastError
    }
}
