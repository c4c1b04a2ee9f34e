import AsyncHTTPClient
import CoreMetrics
import Logging
import NIOCore
import NIOHTTP1
import OTLPTraces
import Rookery
import RookeryCore
import ServiceLifecycle
import Synchronization
import Tracing

/// Sends the spans of this process to an OpenTelemetry collector, in batches.
///
/// No call waits for it. While the collector is slow or away, spans wait up to a limit, and further ones are dropped and counted.
struct SpanExporter: Service {
    let tracer: BoundedTracer
    let settings: ExportSettings
    let logger: Logger

    /// How often it looks whether a batch is full.
    private static let pause: Duration = .milliseconds(200)
    /// How often one batch is sent at most (OTLP: with backoff, on 429, 502, 503 and 504).
    private static let attempts = 5
    /// How long the last batches may take when the process stops.
    private static let farewell: Duration = .seconds(2)

    /// Sends until a graceful shutdown, and then what is left.
    func run() async throws {
        guard let watch = tracer.watch(limit: settings.queue) else { return }
        defer { tracer.end(watch) }
        var configuration = HTTPClient.Configuration()
        // Another host must not get the header fields, which may have a token.
        configuration.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let stop = Stop()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await send(watch, http) { stop.isWanted.load(ordering: .relaxed) }
                // What ended since.
                await flush(watch, http)
            }
            group.addTask {
                // Ends with the group's cancellation, when all is sent.
                try? await gracefulShutdown()
                stop.isWanted.store(true, ordering: .relaxed)
                try? await Task.sleep(for: Self.farewell)
            }
            await group.next()
            group.cancelAll()
        }
        try await http.shutdown()
    }

    private final class Stop: Sendable {
        let isWanted = Atomic(false)
    }

    private func send(_ watch: SpanWatch, _ http: HTTPClient, until isStopping: @Sendable () -> Bool) async {
        var due = ContinuousClock.now + settings.delay
        while !Task.isCancelled, !isStopping() {
            // Only a cancellation ends the sleep early.
            try? await Task.sleep(for: Self.pause)
            guard watch.count >= settings.batch || ContinuousClock.now >= due else { continue }
            await flush(watch, http)
            due = ContinuousClock.now + settings.delay
        }
    }

    private func flush(_ watch: SpanWatch, _ http: HTTPClient) async {
        while !Task.isCancelled {
            let (spans, missed) = watch.take(atMost: settings.batch)
            if missed > 0 { dropped(missed, "the queue was full") }
            if spans.isEmpty { return }
            let chosen = spans.filter { settings.includes(traceLow: $0.traceLow) || $0.isFailure }
            if !chosen.isEmpty { await export(chosen, http) }
        }
    }

    private func dropped(_ count: Int, _ reason: String) {
        Counter(label: "petpro_spans_exported", dimensions: [("outcome", "dropped")]).increment(by: count)
        logger.warning("spans were not exported", metadata: ["count": "\(count)", "reason": "\(reason)"])
    }

    private func export(_ spans: [BoundedSpan], _ http: HTTPClient) async {
        let body = TracesRequest(resource: settings.resource, spans: spans)
        var request = HTTPClientRequest(url: settings.url)
        request.method = .POST
        for (name, value) in settings.headers { request.headers.replaceOrAdd(name: name, value: value) }
        switch settings.encoding {
        case .json:
            request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body.json.jsonText))
        case .protobuf:
            request.headers.replaceOrAdd(name: "Content-Type", value: "application/x-protobuf")
            request.body = .bytes(ByteBuffer(bytes: body.protobuf))
        }
        var reason = ""
        for attempt in 1...Self.attempts {
            var wait = Duration.milliseconds(500 << attempt) * Double.random(in: 0.5...1)
            do {
                let response = try await http.execute(request, timeout: TimeAmount(settings.timeout))
                // What was accepted is not sent again because of a body that breaks off.
                let bytes = (try? await response.body.collect(upTo: 1 << 20)) ?? ByteBuffer()
                if (200..<300).contains(response.status.code) {
                    let answer = TracesResponse(Array(bytes.readableBytesView), settings.encoding, count: spans.count)
                    Counter(label: "petpro_spans_exported", dimensions: [("outcome", "sent")])
                        .increment(by: spans.count - answer.rejected)
                    if answer.rejected > 0 { dropped(answer.rejected, "the collector refused them: \(answer.message)") }
                    return
                }
                reason = "\(settings.place) answered \(response.status.code)"
                guard [429, 502, 503, 504].contains(response.status.code) else { break }
                if let seconds = response.headers.first(name: "Retry-After").flatMap({ Int($0) }) {
                    wait = .seconds(min(max(0, seconds), 60))
                }
            } catch {
                // An error of the client may have the header fields in it.
                reason = "\(settings.place): \((error as? HTTPClientError)?.shortDescription ?? "\(type(of: error))")"
            }
            if attempt == Self.attempts || Task.isCancelled { break }
            do { try await Task.sleep(for: wait) } catch { break }
        }
        dropped(spans.count, reason)
    }
}
