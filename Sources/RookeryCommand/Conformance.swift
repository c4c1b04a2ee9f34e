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
            Conformance/README.md lists the handlers. The server also answers {"cmd":"get-booking"} through a \
            contract, to measure rates. {"cmd":"work"} takes --work, and --work-places of them run at once, to test \
            overload.
            """)

    @Option(help: "The address to listen on. Port 0 picks any free port.")
    var listen = Instance(host: "127.0.0.1", port: 4010)
    @Option(help: "Number of event loops. Default: one per core.")
    var threads: Int?

    @Option(help: "How many {\"cmd\":\"work\"} messages run at once.")
    var workPlaces = 40
    @Option(help: "How long each {\"cmd\":\"work\"} message takes.")
    var work: Duration = .milliseconds(20)
    @Option(help: ArgumentHelp("The file of a keyring: take calls with its keys only.", valueName: "file"))
    var keys: String?
    @Option(help: "The name of the server, for which keys are proven.")
    var name = "rookery"

    func validate() throws {
        if workPlaces < 1 { throw ValidationError("--work-places must be at least 1") }
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    }

    func run() async throws {
        var logger = Logger(label: "rookery.conformance")
        logger.logLevel = .error
        var configuration = ServerConfiguration(host: listen.host, port: listen.port)
        configuration.name = name
        configuration.keys = keys
        let server = try RookeryServer(
            configuration,
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
