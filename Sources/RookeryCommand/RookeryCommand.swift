public import ArgumentParser
import CommandSupport
import Logging
public import Rookery
public import RookeryTesting

@main
struct RookeryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rookery",
        abstract: "Talks to any service that speaks the NestJS TCP wire.",
        discussion: """
            Examples:
              rookery call 127.0.0.1:4002 '{"cmd":"get-booking"}' '{"id":1}'
              rookery emit 127.0.0.1:4002 booking.created '{"id":1}'
              rookery watch 127.0.0.1:4004 '{"cmd":"watch-inventory-changes"}' '{}'
              rookery health 127.0.0.1:4002
              rookery bench 127.0.0.1:4010 '{"cmd":"get-booking"}' '{"id":1}' --duration 5s
              rookery proxy --listen 127.0.0.1:5002 --to 127.0.0.1:4002 --fault delay=100ms

            A PATTERN is a string, or a JSON object such as {"cmd":"get-booking"}. DATA is any JSON.

            Exit codes: 0 done, 1 the service answered with an error, 2 wrong usage, 3 unreachable, 4 no reply in time.
            """,
        version: "0.1.0",
        subcommands: [
            Call.self, Emit.self, Watch.self, Ping.self, AskHealth.self, Bench.self, Proxy.self, Conformance.self,
        ])

    static func main() async {
        await Program.run(Self.self, name: "rookery") { Failure.report($0) }
    }
}

/// The failures that calls have, how they are shown, and their exit codes.
enum Failure {
    static let remote: Int32 = 1
    static let unreachable: Int32 = 3
    static let timeout: Int32 = 4

    /// Shows the failure where it belongs and gives the exit code; nil for one that is no call's.
    static func report(_ error: any Error) -> Int32? {
        switch error {
        case let error as RemoteError:
            // For machines too: the error as the service sent it.
            Terminal.note(error.payload.jsonText)
            return remote
        case let error as CallError:
            Terminal.note("rookery: \(error.message)\(error.cause.map { " (\($0))" } ?? "")")
            switch error.code {
            case .timeout, .streamTimeout: return timeout
            case .noHandler, .invalidReply: return remote
            case .invalidCall: return Program.wrongUsage
            default: return unreachable
            }
        case let error as CannotListen:
            Terminal.note("rookery: \(error)")
            return unreachable
        default: return nil
        }
    }
}

extension Logger {
    /// What goes wrong is said by the command, once, and not by a log as well.
    static let silence = Logger(label: "rookery") { _ in SwiftLogNoOpLogHandler() }
}

extension Fault: ExpressibleByArgument {
    /// `delay=100ms` and the like.
    public init?(argument: String) { self.init(argument) }
}

extension Pattern: ExpressibleByArgument {
    /// An object when the text is one, else the text itself.
    public init?(argument: String) {
        if argument.first == "{" {
            guard case .object(let object)? = try? JSONValue(parsing: argument) else { return nil }
            self.init(object: object)
        } else {
            self.init(argument)
        }
    }
}

extension JSONValue: ExpressibleByArgument {
    /// Any JSON.
    public init?(argument: String) {
        guard let value = try? JSONValue(parsing: argument) else { return nil }
        self = value
    }
}

extension Duration: @retroactive ExpressibleByArgument {
    /// A number with `ms`, `s`, `m` or nothing, which means seconds.
    public init?(argument: String) { self.init(text: argument.last?.isNumber == true ? argument + "s" : argument) }

    /// Throws unless it is longer than 0.
    func requireSomeTime(_ option: String) throws {
        if self <= .zero { throw ValidationError("\(option) must be longer than 0") }
    }
}

/// What the commands that talk to a service have in common.
struct Target: ParsableArguments {
    @Argument(help: "The service's address.")
    var address: Instance

    @Argument(help: "The pattern: a string, or a JSON object.")
    var pattern: Pattern

    @Argument(help: "The message: any JSON. Default: {}")
    var data: JSONValue = .object([:])

    var client: RookeryClient { RookeryClient(host: address.host, port: address.port, logger: Logger.silence) }
}

extension JSONValue {
    /// What `--help` shows for a default.
    public var defaultValueDescription: String { jsonText }
}

struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends a request and prints the reply as JSON.",
        discussion: """
            An error of the service is printed as JSON on standard error, with exit code 1. With --safe the call is \
            declared a read, and tried again when its connection is lost; --trace says what was decided on its way.
            """)

    @OptionGroup var target: Target
    @Option(help: "How long to wait, such as 500ms, 5s or 1m.")
    var timeout: Duration = .seconds(5)
    @Flag(help: "The command only reads, and may be sent again.")
    var safe = false
    @Flag(help: "Say on standard error what was decided about the call.")
    var trace = false

    func validate() throws { try timeout.requireSomeTime("--timeout") }

    func run() async throws {
        let decisions = CallTrace()
        defer { if trace { Terminal.note("\(decisions)") } }
        let reply = try await CallTrace.$current.withValue(decisions) {
            try await target.client.send(
                target.pattern, target.data, timeout: timeout, idempotency: safe ? .safe : .unsafe)
        }
        // A reply without a value prints nothing, as it carries nothing.
        if let reply { Terminal.line(reply.jsonText) }
    }
}

struct Emit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends an event. Nobody acknowledges it: exit code 0 says that it was handed to the network.")

    @OptionGroup var target: Target

    func run() async throws {
        let client = target.client
        try await client.emit(target.pattern, target.data)
        // The write is under way; a graceful close sends it before the connection ends.
        await client.close()
    }
}

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens a stream and prints a line for each value, until its end or Ctrl-C.")

    @OptionGroup var target: Target
    @Option(help: "How long the stream may be silent.")
    var timeout: Duration = .seconds(3600)

    func validate() throws { try timeout.requireSomeTime("--timeout") }

    func run() async throws {
        for try await value in try await target.client.stream(target.pattern, target.data, timeout: timeout) {
            Terminal.line((value ?? .null).jsonText)
        }
    }
}
