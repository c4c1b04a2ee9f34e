import ArgumentParser
import CommandSupport
import Logging
import NIOCore
import Rookery

struct Ping: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures how soon a service answers. Works with any service of the wire, including NestJS.",
        discussion: """
            A Rookery server answers the ping. Any other server answers that it has no handler for it, which counts as \
            an answer too. The command asks several instances one after the other.

              rookery ping 127.0.0.1:4002
              rookery ping 127.0.0.1:4002,127.0.0.1:4005 --count 1
            """)

    @Argument(help: "The service's address: HOST:PORT, several with commas, file:PATH or dns:HOST:PORT.")
    var address: InstanceSource
    @Option(help: "How many times to ask each instance, one second apart.")
    var count = 3
    @Option(help: "How long to wait for an answer.")
    var timeout: Duration = .seconds(1)
    @OptionGroup var keys: KeyOptions
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
            let transport = try keys.transport(instance)
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
