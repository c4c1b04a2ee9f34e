import ArgumentParser
import CommandSupport
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import CoreMetrics
import PrometheusMetrics
import Rookery
import RookeryCore
import ServiceLifecycle
import Tracing

struct MetricsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The address at which Prometheus reads the metrics of this process, at /metrics. Without it, nothing is measured.",
            valueName: "host:port"))
    var metrics: Instance?

    /// Sets up metrics. Returns the place where they are collected; nil without the option.
    ///
    /// Call it once, before any code makes a metric.
    func start() -> PrometheusRegistry? {
        guard metrics != nil else { return nil }
        let registry = PrometheusRegistry { ServiceContext.current?.traceparent?.traceID }
        MetricsSystem.bootstrap(registry)
        return registry
    }

    /// Returns the service that shows the metrics, and the health of `server` if there is one. Nil without the option.
    func service(_ registry: PrometheusRegistry?, of server: RookeryServer? = nil, _ logger: Logger) -> (any Service)? {
        guard let metrics, let registry else { return nil }
        return MetricsServer(address: metrics, registry: registry, server: server, logger: logger)
    }
}

/// Shows the metrics of this process over HTTP: `GET /metrics`, as text or as OpenMetrics.
///
/// A process that serves no HTTP otherwise also has `GET /health/live` and `GET /health/ready`: `{"status": …}`, with 503 while it is
/// `not_ready`.
struct MetricsServer: Service {
    let address: Instance
    let registry: PrometheusRegistry
    /// The server whose health is shown.
    let server: RookeryServer?
    let logger: Logger

    /// A Prometheus server needs one connection.
    private static let connections = 32

    func run() async throws {
        let router = Router()
        let registry = self.registry
        router.get("/metrics") { request, _ in
            let exposition = Exposition(accepting: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: exposition.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: exposition.body(registry))))
        }
        if let server {
            router.get("/health/live") { _, _ in Self.status("live", .ok) }
            router.get("/health/ready") { _, _ in
                let report = await server.healthReport()
                let isReady = report["status"]?.stringValue != Health.Status.notReady.rawValue
                return isReady ? Self.status("ready", .ok) : Self.status("not_ready", .serviceUnavailable)
            }
        }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connections)),
            logger: logger)
        do {
            try await application.run()
        } catch {
            throw CannotListen(host: address.host, port: address.port, cause: "\(error)")
        }
    }

    private static func status(_ text: String, _ status: HTTPResponse.Status) -> Response {
        let body: JSONValue = ["status": .string(text)]
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: body.jsonText)))
    }
}
