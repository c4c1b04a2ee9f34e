import ArgumentParser
import CommandSupport
import Hummingbird
import HummingbirdCore
import Logging
import CoreMetrics
import PrometheusMetrics
import Rookery
import ServiceLifecycle

struct MetricsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The address at which Prometheus reads the metrics of this process, at /metrics. Without it, nothing is measured.",
            valueName: "host:port"))
    var metrics: Instance?

    /// Sets up metrics, and returns the service that shows them. Nil without the option.
    ///
    /// Call it once, before any code makes a metric.
    func service(_ logger: Logger) -> (any Service)? {
        guard let metrics else { return nil }
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return MetricsServer(address: metrics, registry: registry, logger: logger)
    }
}

/// Shows the metrics of this process over HTTP: `GET /metrics`, as text or as OpenMetrics.
struct MetricsServer: Service {
    let address: Instance
    let registry: PrometheusRegistry
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
}
