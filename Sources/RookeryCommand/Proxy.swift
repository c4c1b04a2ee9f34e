import ArgumentParser
import CommandSupport
import Rookery
import RookeryTesting
import UnixSignals

struct Proxy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Forwards connections between a client and a service, with the faults of a bad network.",
        discussion: """
            Faults:
              delay=100ms       bytes arrive this much later
              drop=0.1          this share of reads never arrives
              slice=1           bytes arrive in pieces of at most this size
              half-close=1000   the proxy closes the sender's side after this many bytes
              reset=1000        the proxy resets the connection after this many bytes
              stall=1000        nothing arrives after this many bytes, and neither side is notified
              corrupt=0.01      one bit changes in this share of reads
              bandwidth=65536   this many bytes arrive per second

            Example:
              rookery proxy --listen 127.0.0.1:5002 --to 127.0.0.1:4002 --fault delay=100ms --fault slice=1
            """)

    @Option(help: ArgumentHelp("The address to listen on. Port 0 picks any free port.", valueName: "host:port"))
    var listen = Instance(host: "127.0.0.1", port: 0)
    @Option(help: ArgumentHelp("The service's address.", valueName: "host:port"))
    var to: Instance
    @Option(help: "A fault for both directions. May be given several times.")
    var fault: [Fault] = []
    @Option(help: "A fault for the service's replies only. May be given several times.")
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
