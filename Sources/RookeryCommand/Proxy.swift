import ArgumentParser
import CommandSupport
import Rookery
import RookeryTesting
import UnixSignals

struct Proxy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stands between a client and a service, and does to their connections what bad networks do.",
        discussion: """
            Faults:
              delay=100ms       bytes arrive that much later
              drop=0.1          that share of what is read at once never arrives
              slice=1           bytes arrive in pieces of at most so many
              half-close=1000   after so many bytes the sender's side is closed
              reset=1000        after so many bytes the connection is reset
              stall=1000        after so many bytes nothing arrives any more, and neither side is told
              corrupt=0.01      in that share of what is read at once a bit is changed
              bandwidth=65536   so many bytes arrive in a second

            Example:
              rookery proxy --listen 127.0.0.1:5002 --to 127.0.0.1:4002 --fault delay=100ms --fault slice=1
            """)

    @Option(help: ArgumentHelp("Where to listen; port 0 for any free one.", valueName: "host:port"))
    var listen = Instance(host: "127.0.0.1", port: 0)
    @Option(help: ArgumentHelp("The service.", valueName: "host:port"))
    var to: Instance
    @Option(help: "A fault; may be given several times.")
    var fault: [Fault] = []
    @Option(help: "A fault that concerns only what the service says; may be given several times.")
    var replyFault: [Fault] = []

    func run() async throws {
        let proxy: FaultProxy
        do {
            proxy = try await FaultProxy.start(listen: (listen.host, listen.port), to: (to.host, to.port), fault)
        } catch {
            throw CallError(.cannotConnect, "Cannot listen on \(listen).", cause: "\(error)")
        }
        proxy.replyFaults = replyFault
        Terminal.line("listening \(Instance(host: listen.host, port: proxy.port)), to \(to)")
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        try await proxy.close()
    }
}
