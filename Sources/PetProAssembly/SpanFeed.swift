package import PetProContracts
package import Rookery

/// Tells the console about the spans of this process.
package struct SpanFeed: TelemetryAPI {
    private let tracer: BoundedTracer

    /// Makes a feed of the spans that `tracer` keeps.
    package init(_ tracer: BoundedTracer) { self.tracer = tracer }

    package func readSpans(_ request: ReadSpans) async throws -> SpanBatch {
        var spans: [SpanRecord] = []
        for trace in Set(request.traces.map(\.id)) {
            spans += tracer.spans(of: trace).compactMap { SpanRecord($0) }
        }
        return SpanBatch(spans: Array(spans.prefix(SpanBatch.limit)))
    }

    package func readOutlines(_ request: ReadOutlines) async throws -> OutlineBatch {
        OutlineBatch(
            outlines: request.traces.map { trace in
                tracer.outline(of: trace.id).map { Int(truncatingIfNeeded: $0.value) } ?? 0
            })
    }
}
