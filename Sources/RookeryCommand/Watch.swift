import ArgumentParser
import CommandSupport
import Rookery

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens a stream and prints a line for each value, until its end or Ctrl-C.")

    @OptionGroup var target: Target
    @Option(help: "How long the stream may be silent before it fails.")
    var timeout: Duration = .seconds(3600)

    @Flag(name: .customLong("no-check"), help: "Send the message without a check against the service's description.")
    var unchecked = false

    func validate() throws { try timeout.requireSomeTime("--timeout") }

    func run() async throws {
        let client = try target.client().with { $0.timeout = timeout }
        let pattern = try await target.checked(by: client, isChecking: !unchecked)
        for try await value in try await client.stream(pattern, target.data) {
            Terminal.line((value ?? .null).jsonText)
        }
    }
}
