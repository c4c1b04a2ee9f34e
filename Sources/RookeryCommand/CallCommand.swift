import ArgumentParser
import CommandSupport
import Rookery

/// `rookery call`
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Sends a request and prints the reply as JSON.",
        discussion: """
            A Rookery service says what it takes: the message is checked first, and a field that is wrong is named before \
            anything is sent (exit code 2). Other services are sent what is given.

            The service's error is printed as JSON on standard error, with exit code 1. With --safe the command is \
            declared a read, and sent again when its connection is lost. --trace says what was decided on its way.

              rookery call 127.0.0.1:4002 get-booking '{"id":1}'
              rookery call 127.0.0.1:3000 '{"cmd":"sum"}' '[1,2,3]'
            """)

    @OptionGroup var target: Target
    @Option(help: "How long to wait, such as 500ms, 5s or 1m.")
    var timeout: Duration = .seconds(5)
    @Flag(help: "The command only reads, and may be sent again.")
    var safe = false
    @Flag(help: "Say on standard error what was decided about the call.")
    var trace = false
    @Flag(name: .customLong("no-check"), help: "Send the message as it is, whatever the service says of itself.")
    var unchecked = false

    func validate() throws { try timeout.requireSomeTime("--timeout") }

    func run() async throws {
        let client = target.client.with { $0.timeout = timeout }
        let pattern = try await target.checked(by: client, isChecking: !unchecked)
        let decisions = CallTrace()
        defer { if trace { Terminal.note("\(decisions)") } }
        let reply = try await CallTrace.$current.withValue(decisions) {
            try await client.send(pattern, target.data, idempotency: safe ? .safe : .unsafe)
        }
        // A reply without a value prints nothing, as it carries nothing.
        if let reply { Terminal.line(reply.jsonText) }
    }
}
