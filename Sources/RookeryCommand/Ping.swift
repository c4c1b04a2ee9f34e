import ArgumentParser
import CommandSupport
import Logging
import NIOCore
import Rookery

struct Ping: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Finds out whether a service answers, and how soon. Works with any service of the wire, NestJS too.",
        discussion: """
            A Rookery server answers a ping; any other refuses the question, which is an answer as well, and costs it \
            nothing. Several instances with commas, or all addresses of a name with dns:HOST:PORT, are asked one by one.

              rookery ping 127.0.0.1:4002
              rookery ping 127.0.0.1:4002,127.0.0.1:4005 --count 1
            """)

    @Argument(help: "The service's address, or several.")
    var address: InstanceSource
    @Option(help: "How often each is asked, a second apart.")
    var count = 3
    @Option(help: "How long to wait for an answer.")
    var timeout: Duration = .seconds(1)
    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        if count < 1 { throw ValidationError("--count must be at least 1") }
        try timeout.requireSomeTime("--timeout")
    }

    func run() async throws {
        var results: [JSONValue] = []
        var failure: CallError?
        for instance in try await address.instances() {
            let transport = TCPTransport(
                instance, ClientConfiguration(host: instance.host, port: instance.port), logger: Logger.silence)
            for round in 0..<count {
                if round > 0 { try await Task.sleep(for: .seconds(1)) }
                let began = NIODeadline.now()
                do {
                    try await transport.ping(timeout: timeout)
                    let milliseconds = Double((NIODeadline.now() - began).nanoseconds / 1000) / 1000
                    if !json { Terminal.line("\(instance)  \(milliseconds) ms") }
                    results.append([
                        "address": .string(instance.description), "milliseconds": .double(milliseconds),
                    ])
                } catch let error as CallError {
                    if !json { Terminal.line("\(instance)  \(error.message)") }
                    results.append(["address": .string(instance.description), "error": .string(error.message)])
                    failure = error
                }
            }
            await transport.close()
        }
        if json { Terminal.line(JSONValue.array(results).jsonText) }
        if let failure { throw ExitCode(failure.code == .timeout ? Failure.timeout : Failure.unreachable) }
    }
}
