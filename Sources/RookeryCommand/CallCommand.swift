import ArgumentParser
import CommandSupport
import Rookery

struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Sends a request and prints the reply as JSON.",
        discussion: """
            A Rookery service describes its messages, so the command checks the message first. If a field is wrong, it \
            names the field and sends nothing (exit code 2). To other services it sends the message unchecked.

            If the service answers with an error, the command prints it as JSON on standard error and exits with 1. \
            --safe declares that the command only reads, so the client sends it again when its connection is lost. \
            --trace prints the client's decisions about the call.

              rookery call 127.0.0.1:4002 get-booking '{"id":1}'
              rookery call 127.0.0.1:3000 '{"cmd":"sum"}' '[1,2,3]'

            Some commands of Rookery services take a client stream. --values names a file with one JSON value per line. The \
            client sends each value when the service grants credit for it.

              rookery call 127.0.0.1:3001 import-readings '{"meter":7}' --values readings.jsonl
            """)

    @OptionGroup var target: Target
    @Option(
        help:
            "How long to wait, such as 500ms, 5s or 1m. With --values: how long the service may take no value, or give no reply after the last one."
    )
    var timeout: Duration = .seconds(5)
    @Flag(help: "The command only reads, so the client may send it again.")
    var safe = false
    @Flag(help: "Print the client's decisions about the call on standard error.")
    var trace = false
    @OptionGroup var values: ValuesOption
    @Flag(name: .customLong("no-check"), help: "Send the message without a check against the service's description.")
    var unchecked = false

    func validate() throws {
        try timeout.requireSomeTime("--timeout")
        if safe, values.path != nil { throw ValidationError("a client stream can be sent only once: leave out --safe") }
    }

    func run() async throws {
        let client = try target.client().with { $0.timeout = timeout }
        let command = try await target.checkedCommand(
            by: client, isChecking: !unchecked, values: values.path != nil)
        let clientStream = try values.stream(command)
        let decisions = CallTrace()
        defer { if trace { Terminal.note("\(decisions)") } }
        let reply = try await CallTrace.$current.withValue(decisions) {
            if let clientStream {
                return try await client.send(command.pattern, target.data, clientStream: clientStream)
            }
            return try await client.send(command.pattern, target.data, idempotency: safe ? .safe : .unsafe)
        }
        // Prints nothing for a reply without a value.
        if let reply { Terminal.line(reply.jsonText) }
    }
}
