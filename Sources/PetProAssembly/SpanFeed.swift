package import PetProContracts
package import Rookery
import Synchronization

/// Tells the console about the spans of this process.
package struct SpanFeed: TelemetryAPI {
    /// How many spans a watcher may be behind.
    private static let behind = 8192
    /// How many spans a batch has at most.
    private static let batch = 512
    /// How long spans wait for others, so that not each is a message of its own.
    private static let pause: Duration = .milliseconds(50)
    /// How many pauses pass without spans before an empty batch shows that the process lives: 2 s.
    private static let quiet = 40

    private let tracer: BoundedTracer
    private let clock: any Clock<Duration>

    /// Makes a feed of the spans that `tracer` keeps.
    package init(_ tracer: BoundedTracer, clock: any Clock<Duration> = ContinuousClock()) {
        self.tracer = tracer
        self.clock = clock
    }

    package func watchSpans(_ request: WatchSpans) async throws -> MessageStream<SpanBatch> {
        guard let watch = tracer.watch(limit: Self.behind) else {
            throw RemoteError(
                .overloaded, "This instance has eight watches of its spans already.", details: ["retryAfterMs": 5000])
        }
        let held = Held(watch, tracer)
        let isFull = Mutex(false)
        return MessageStream(unfolding: { [clock] in
            for pauses in 1... {
                // Behind a full batch there may be another.
                if !isFull.withLock({ $0 }) { try await clock.sleep(for: Self.pause) }
                let (spans, missed) = held.watch.take(atMost: Self.batch)
                isFull.withLock { $0 = spans.count == Self.batch }
                if spans.isEmpty, missed == 0, pauses < Self.quiet { continue }
                return SpanBatch(spans: spans.compactMap { SpanRecord($0) }, missed: missed)
            }
            return nil
        })
    }

    /// Ends the watch when the stream has no reader any more.
    private final class Held: Sendable {
        let watch: SpanWatch
        private let tracer: BoundedTracer

        init(_ watch: SpanWatch, _ tracer: BoundedTracer) {
            self.watch = watch
            self.tracer = tracer
        }

        deinit { tracer.end(watch) }
    }
}
