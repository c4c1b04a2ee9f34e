import RookeryWire

/// One command of a contract, which servers register and clients send.
///
/// `@Contract` generates the commands: `BookingAPIContract.getBooking`.
public struct Command: Sendable, Hashable {
    /// A class, because every call carries a command, and a reference is cheap to copy.
    private final class Storage: Sendable, Hashable {
        /// First, because it is read with the reference count.
        let fingerprint: UInt64
        let name: String
        let wireName: String
        let pattern: Pattern
        let options: Options
        let request: @Sendable () -> Schema
        let reply: @Sendable () -> Schema?
        let clientStream: (@Sendable () -> Schema)?

        init(
            _ name: String, _ pattern: Pattern, _ options: Options, request: @escaping @Sendable () -> Schema,
            reply: @escaping @Sendable () -> Schema?, clientStream: (@Sendable () -> Schema)?
        ) {
            self.name = name
            wireName = pattern.value["cmd"]?.stringValue ?? pattern.route
            var fingerprint = Fingerprint(wireName)
            if let contract = options.contract { fingerprint.add(Fingerprint(contract).value) }
            self.fingerprint = fingerprint.value
            self.pattern = pattern
            self.options = options
            self.request = request
            self.reply = reply
            self.clientStream = clientStream
        }

        /// Equal if name, pattern and options are equal, doc comments included. Ignores the types of the messages.
        static func == (left: Storage, right: Storage) -> Bool {
            left === right
                || left.name == right.name && left.pattern == right.pattern && left.options == right.options
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(pattern)
        }
    }

    /// The optional parts of a declaration.
    private struct Options: Hashable {
        var kind = CommandKind.request
        var idempotency = Idempotency.unsafe
        var timeout: Duration?
        var group = Command.defaultGroup
        var alternatives: [Pattern] = []
        var errors: [RemoteError.Code]?
        var execution = HandlerExecution.eventLoop
        var forbidsUnknown = false
        var resumption: StreamResumption?
        var contract: String?
        var documentation: String?
    }

    private let storage: Storage

    /// The name of the contract's method, for logs and traces.
    public var name: String { storage.name }
    /// The pattern of its messages.
    public var pattern: Pattern { storage.pattern }
    /// Further patterns at which a server accepts it.
    package var alternatives: [Pattern] { storage.options.alternatives }
    /// Its name on the wire: the value of `cmd`, or else the pattern's normal form.
    package var wireName: String { storage.wireName }
    /// The fingerprint of its contract and its name on the wire.
    var fingerprint: UInt64 { storage.fingerprint }
    /// Its name in the scopes of service keys: the value of `cmd` if the pattern has no other member, or else the pattern's
    /// normal form. So no two patterns of a service share a name.
    package var scopeName: String {
        guard case .object(let members) = pattern.value, members.count == 1 else { return pattern.route }
        return members["cmd"]?.stringValue ?? pattern.route
    }
    /// The number of messages that answer it. Default `.request`.
    package var kind: CommandKind { storage.options.kind }
    /// Whether a client may send it twice for one call. Default `.unsafe`.
    package var idempotency: Idempotency { storage.options.idempotency }
    /// The timeout of a call, if the caller sets none. Nil for the client's own default.
    package var timeout: Duration? { storage.options.timeout }
    /// The bulkhead of the command. Default `default`.
    ///
    /// Commands of one group share a circuit breaker and a limit of calls. A failing group does not affect other
    /// groups.
    package var group: String { storage.options.group }
    /// The codes that its refusals may have, without the toolkit's own codes. Nil if it declares none.
    package var errors: [RemoteError.Code]? { storage.options.errors }
    /// Where its handler runs. Default `.eventLoop`.
    package var execution: HandlerExecution { storage.options.execution }
    /// Whether a message is refused if it has members that its type does not have. Default false.
    package var forbidsUnknown: Bool { storage.options.forbidsUnknown }
    /// How a client goes on with a stream that broke. Nil if it cannot.
    package var resumption: StreamResumption? { storage.options.resumption }
    /// The name of the contract that declares it. Nil without a contract.
    package var contract: String? { storage.options.contract }
    /// The doc comment of its declaration. Nil without one.
    package var documentation: String? { storage.options.documentation }
    /// The schema of its messages. Any value if no contract declares the command.
    package var request: Schema { storage.request() }
    /// The schema of its replies, or of a stream's values. Nil if it has none.
    package var reply: Schema? { storage.reply() }
    /// The schema of the values that a client sends behind its message. Nil if it sends none.
    package var clientStream: Schema? { storage.clientStream?() }
    /// Whether a client sends values behind its message.
    package var hasClientStream: Bool { storage.clientStream != nil }
    /// Whether values go one way or the other over time. Then only silence is limited, not the whole call.
    package var isStreaming: Bool { kind == .stream || hasClientStream }

    /// Whether an error has a code that is neither declared by the command nor one of the toolkit's. False if the
    /// command declares no codes.
    package func isUndeclared(_ error: any Error) -> Bool {
        guard let errors, let code = (error as? RemoteError)?.code else { return false }
        return !errors.contains(code) && !RemoteError.Code.ofToolkit.contains(code)
    }

    /// The group of commands that declare none.
    package static let defaultGroup = "default"

    /// Creates a command without a contract. Its messages and replies may be any value.
    package init(
        _ name: String, pattern: Pattern, kind: CommandKind = .request, idempotency: Idempotency = .unsafe,
        timeout: Duration? = nil, group: String = "default", resumption: StreamResumption? = nil,
        hasClientStream: Bool = false
    ) {
        let options = Options(
            kind: kind, idempotency: idempotency, timeout: timeout, group: group, resumption: resumption)
        let any: @Sendable () -> Schema = { Schema(.any) }
        storage = Storage(
            name, pattern, options, request: any, reply: { kind == .event ? nil : Schema(.any) },
            clientStream: hasClientStream ? any : nil)
    }

    /// Creates a command of a contract. Code that `@Contract` generates calls it.
    public init(
        _contract contract: String, _ name: String, patterns: [Pattern], kind: _CommandKind, idempotency: Idempotency,
        timeout: Duration?, group: String?, errors: [RemoteError.Code]?, execution: HandlerExecution,
        forbidsUnknown: Bool = false, resumption: StreamResumption? = nil, documentation: String?,
        request: @escaping @Sendable () -> Schema, clientStream: (@Sendable () -> Schema)? = nil,
        reply: @escaping @Sendable () -> Schema?
    ) {
        let options = Options(
            kind: kind, idempotency: idempotency, timeout: timeout, group: group ?? Self.defaultGroup,
            alternatives: Array(patterns.dropFirst()), errors: errors, execution: execution,
            forbidsUnknown: forbidsUnknown, resumption: resumption, contract: contract, documentation: documentation)
        storage = Storage(
            name, patterns.first ?? Pattern(name), options, request: request, reply: reply, clientStream: clientStream)
    }
}
