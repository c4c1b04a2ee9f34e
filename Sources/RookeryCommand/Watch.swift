import ArgumentParser
import CommandSupport
import Logging
import Rookery

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens a stream and prints a line for each value, until its end or Ctrl-C.",
        discussion: """
            With --resume, a stream that breaks is opened again after its last cursor, at any of the instances. The service's \
            description must say how; `rookery describe` shows it. Try it: end the first instance meanwhile.

              rookery watch 127.0.0.1:4004 watch-inventory-changes '{"vendorId":1}' --resume --instance 127.0.0.1:4008
            """)

    @OptionGroup var target: Target
    @Option(help: "How long the stream may be silent before it fails, or is opened again.")
    var timeout: Duration?

    @OptionGroup var values: ValuesOption

    @Flag(name: .customLong("no-check"), help: "Send the message without a check against the service's description.")
    var unchecked = false

    @Flag(help: "Open the stream again when it breaks, after the last cursor.")
    var resume = false

    @Option(name: .customLong("instance"), help: "A further instance of the service. May be repeated.")
    var others: [Instance] = []

    func validate() throws {
        if let timeout { try timeout.requireSomeTime("--timeout") }
        if resume, values.path != nil {
            throw ValidationError("a client stream can be sent only once: leave out --resume")
        }
        if resume, unchecked { throw ValidationError("--resume needs the service's description: leave out --no-check") }
    }

    func run() async throws {
        let client = try target.keys.client(
            instances: [target.address] + others, logger: resume ? Logger(label: "rookery") { _ in Notes() } : .silence)
        let command = try await target.checkedCommand(
            by: client, isChecking: !unchecked, values: values.path != nil)
        var resumption: StreamResumption?
        if resume {
            guard let described = command.resumption else {
                throw CommandFailure(
                    "\(target.address) does not say how \(command.pattern) goes on after a break: "
                        + "its contract needs `resuming:` at @StreamPattern")
            }
            resumption = described
        }
        // Who does not resume waits for the next value, however long that takes.
        let silence = timeout ?? (resume ? .seconds(5) : .seconds(3600))
        let patient = client.with { $0.timeout = silence }
        let stream =
            if let clientStream = try values.stream(command) {
                try await patient.stream(command.pattern, target.data, clientStream: clientStream)
            } else {
                try await patient.stream(command.pattern, target.data, resuming: resumption)
            }
        for try await value in stream { Terminal.line((value ?? .null).jsonText) }
    }

    /// Shows on standard error what the client does about a stream that broke.
    private struct Notes: LogHandler {
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { Terminal.note("\(event.message)") }
    }
}
