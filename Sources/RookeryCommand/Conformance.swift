import ArgumentParser
import CommandSupport
import Foundation
import Logging
import NIOCore
import Rookery
import ServiceLifecycle
import UnixSignals

struct Conformance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves the handlers of the recorded NestJS server, so that its frames can be replayed.",
        discussion: """
            Also answers {"cmd":"get-booking"} through a contract and messages, which is what rates are measured on.
            The handlers are listed in Conformance/README.md. {"cmd":"work"} takes --work, and --work-places can do it at \
            once: overload is tried on it.
            """)

    @Option(help: "The address to listen on; port 0 for any free one.")
    var listen = Instance(host: "127.0.0.1", port: 4010)
    @Option(help: "Event loops. Default: one per core.")
    var threads: Int?

    @Option(help: "How many can do {\"cmd\":\"work\"} at once.")
    var workPlaces = 40
    @Option(help: "How long it takes.")
    var work: Duration = .milliseconds(20)

    func validate() throws {
        if workPlaces < 1 { throw ValidationError("--work-places must be at least 1") }
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    }

    func run() async throws {
        var logger = Logger(label: "rookery.conformance")
        logger.logLevel = .error
        let server = try RookeryServer(
            ServerConfiguration(host: listen.host, port: listen.port),
            routes: ConformanceHandlers.routes + [LimitedWork(places: workPlaces, duration: work).route],
            eventLoops: threads.map { EventLoops(threads: $0) } ?? .shared,
            logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await withThrowingDiscardingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                let address = try await server.boundAddress
                Terminal.line("listening \(address.ipAddress ?? listen.host):\(address.port ?? listen.port)")
            }
        }
    }
}
