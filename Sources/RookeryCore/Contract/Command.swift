import RookeryWire

/// One command of a contract: what a server registers, what a client sends, and what both say about it.
///
/// `@Contract` makes the commands: `BookingAPIContract.getBooking`.
public struct Command: Sendable, Hashable {
    /// One reference: commands are handed along with every call.
    private final class Storage: Sendable, Hashable {
        let name: String
        let pattern: Pattern
        let options: Options
        let request: @Sendable () -> Schema
        let reply: @Sendable () -> Schema?

        init(
            _ name: String, _ pattern: Pattern, _ options: Options, request: @escaping @Sendable () -> Schema,
            reply: @escaping @Sendable () -> Schema?
        ) {
            self.name = name
            self.pattern = pattern
            self.options = options
            self.request = request
            self.reply = reply
        }

        /// Equal when the declarations are, doc comments included; what the messages are is not compared.
        static func == (left: Storage, right: Storage) -> Bool {
            left === right
                || left.name == right.name && left.pattern == right.pattern && left.options == right.options
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(pattern)
        }
    }

    /// What a declaration may leave out.
    private struct Options: Hashable {
        var kind = CommandKind.request
        var idempotency = Idempotency.unsafe
        var timeout: Duration?
        var group = Command.defaultGroup
        var alternatives: [Pattern] = []
        var errors: [RemoteError.Code]?
        var execution = HandlerExecution.eventLoop
        var contract: String?
        var documentation: String?
    }

    private let storage: Storage

    /// The name of the contract's method, for logs and traces.
    public var name: String { storage.name }
    /// What it is addressed to.
    public var pattern: Pattern { storage.pattern }
    /// Further patterns at which a server answers it.
    package var alternatives: [Pattern] { storage.options.alternatives }
    /// Its name on the wire: what stands at `cmd`, or else the pattern's normal form.
    package var wireName: String { pattern.value["cmd"]?.stringValue ?? pattern.route }
    /// How many messages answer it.
    package var kind: CommandKind { storage.options.kind }
    /// Whether it may be sent twice. Default `.unsafe`.
    package var idempotency: Idempotency { storage.options.idempotency }
    /// How long a call may take when the caller says nothing; nil for the client's own default.
    package var timeout: Duration? { storage.options.timeout }
    /// The bulkhead the command is behind: commands of one group share a circuit breaker and a limit of calls, those of
    /// different groups cannot harm each other. Default `default`.
    package var group: String { storage.options.group }
    /// The codes with which it refuses; nil when none are declared. The toolkit's own codes are not among them.
    package var errors: [RemoteError.Code]? { storage.options.errors }
    /// Where its handler runs. Default `.eventLoop`.
    package var execution: HandlerExecution { storage.options.execution }
    /// The name of the contract that declares it.
    package var contract: String? { storage.options.contract }
    /// The doc comment of its declaration.
    package var documentation: String? { storage.options.documentation }
    /// What its messages are; anything where no contract says so.
    package var request: Schema { storage.request() }
    /// What its replies, or a stream's values, are; nil when it has none.
    package var reply: Schema? { storage.reply() }

    /// Whether an error is one that the command did not say it refuses with.
    package func isUndeclared(_ error: any Error) -> Bool {
        guard let errors, let code = (error as? RemoteError)?.code else { return false }
        return !errors.contains(code) && !RemoteError.Code.ofToolkit.contains(code)
    }

    /// The group of commands that declare none.
    package static let defaultGroup = "default"

    /// A command that no contract declares: its messages and replies may be anything.
    package init(
        _ name: String, pattern: Pattern, kind: CommandKind = .request, idempotency: Idempotency = .unsafe,
        timeout: Duration? = nil, group: String = "default"
    ) {
        let options = Options(kind: kind, idempotency: idempotency, timeout: timeout, group: group)
        storage = Storage(
            name, pattern, options, request: { Schema(.any) }, reply: { kind == .event ? nil : Schema(.any) })
    }

    /// What `@Contract` writes.
    public init(
        _contract contract: String, _ name: String, patterns: [Pattern], kind: _CommandKind, idempotency: Idempotency,
        timeout: Duration?, group: String?, errors: [RemoteError.Code]?, execution: HandlerExecution,
        documentation: String?, request: @escaping @Sendable () -> Schema, reply: @escaping @Sendable () -> Schema?
    ) {
        let options = Options(
            kind: kind, idempotency: idempotency, timeout: timeout, group: group ?? Self.defaultGroup,
            alternatives: Array(patterns.dropFirst()), errors: errors, execution: execution, contract: contract,
            documentation: documentation)
        storage = Storage(name, patterns.first ?? Pattern(name), options, request: request, reply: reply)
    }
}
