import AsyncHTTPClient
import CoreMetrics
import Logging
import NIOCore
import NIOHTTP1
import OTLPTraces
import Rookery
import RookeryCore
import ServiceLifecycle
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
        let http = HTTPClient(eventLoopGroupProvider: .singleton)
        await cancelWhenGracefulShutdown { await send(watch, http) }
        let last = Task { await flush(watch, http) }
        let timer = Task {
            try await Task.sleep(for: Self.farewell)
            last.cancel()
        }
        await last.value
        timer.cancel()
        try await http.shutdown()
    }

    private func send(_ watch: SpanWatch, _ http: HTTPClient) async {
        var due = ContinuousClock.now + settings.delay
        while !Task.isCancelled {
            // Only a shutdown ends the sleep early.
            try? await Task.sleep(for: Self.pause)
            guard watch.count >= settings.batch || ContinuousClock.now >= due else { continue }
            await flush(watch, http)
            due = ContinuousClock.now + settings.delay
        }
    }

    private func flush(_ watch: SpanWatch, _ http: HTTPClient) async {
        while !Task.isCancelled {
            let (spans, missed) = watch.take(atMost: settings.batch)
            if missed > 0 { dropped(missed, "the collector is too slow") }
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
                let bytes = try await response.body.collect(upTo: 1 << 20)
                if (200..<300).contains(response.status.code) {
                    let answer = TracesResponse(Array(bytes.readableBytesView), settings.encoding)
                    let sent = max(0, spans.count - answer.rejected)
                    Counter(label: "petpro_spans_exported", dimensions: [("outcome", "sent")]).increment(by: sent)
                    if answer.rejected > 0 { dropped(answer.rejected, "the collector refused them: \(answer.message)") }
                    return
                }
                reason = "\(settings.url) answered \(response.status.code)"
                guard [429, 502, 503, 504].contains(response.status.code) else { break }
                if let seconds = response.headers.first(name: "Retry-After").flatMap({ Int($0) }) {
                    wait = .seconds(min(max(0, seconds), 60))
                }
            } catch {
                reason = "\(settings.url): \(error)"
            }
            if attempt == Self.attempts || Task.isCancelled { break }
            do { try await Task.sleep(for: wait) } catch { break }
        }
        dropped(spans.count, reason)
    }
}
