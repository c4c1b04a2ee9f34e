import HTTPTypes
import Rookery
import Synchronization
import TraceStore

/// The spans that other programs have sent, until they are stored. Bounded: what is too much is refused, and its sender tries again.
final class SpanIntake: Sendable {
    /// How many spans may wait: 65 536. At a million a minute, that is four seconds of them.
    static let limit = 65_536

    private let waiting = Mutex<[OwnedSpan]>([])
    private let count = Atomic(0)

    private let readers: Int
    private let reading = Atomic(0)

    /// Makes an empty intake, which reads `readers` bodies at once: by default 2. A large one takes a core for some tenths of a second.
    init(readers: Int = 2) { self.readers = readers }

    /// Reads a body beside the event loops, which have others to serve. Throws what `read` throws, and a 503 if others are being read.
    func reading<Result: Sendable>(_ read: @Sendable @escaping () throws -> Result) async throws -> Result {
        guard reading.add(1, ordering: .relaxed).newValue <= readers else {
            reading.subtract(1, ordering: .relaxed)
            throw Problem(
                .serviceUnavailable, "OVERLOADED", "Other spans are being read.", retryAfterSeconds: 1)
        }
        defer { reading.subtract(1, ordering: .relaxed) }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { try read() }
    }

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
