/// A message on its way to its handler.
public struct IncomingCall: Sendable {
    /// The command.
    public let command: Command
    /// What surrounds the message.
    public let context: MessageContext
    /// The message, not yet read.
    public let payload: Payload

    /// Describes a message.
    public init(command: Command, context: MessageContext, payload: Payload) {
        self.command = command
        self.context = context
        self.payload = payload
    }
}

/// Stands around every handler of a server, the first one outermost.
public protocol ServerInterceptor: Sendable {
    /// Calls `next` to go on, once. Throwing answers the caller: a ``RemoteError`` as it is, anything else as an internal
    /// error. For a stream, `next` returns when the last value was sent.
    func intercept(_ call: IncomingCall, next: () async throws -> Void) async throws
}

/// Stands around every call of a client, the first one outermost.
public protocol ClientInterceptor: Sendable {
    /// Calls `next`, perhaps with a changed call, and perhaps more than once, to go on.
    func intercept(
        _ call: OutgoingCall, next: (OutgoingCall) async throws -> Payload
    ) async throws -> Payload

    /// The same for streams: `next` opens one. Goes straight on unless implemented.
    func interceptStream(
        _ call: OutgoingCall, next: (OutgoingCall) async throws -> MessageStream<Payload>
    ) async throws -> MessageStream<Payload>
}

extension ClientInterceptor {
    /// Goes straight on.
    public func interceptStream(
        _ call: OutgoingCall, next: (OutgoingCall) async throws -> MessageStream<Payload>
    ) async throws -> MessageStream<Payload> {
        try await next(call)
    }
}

/// The interceptors of a server, and the handler inside them.
public struct ServerPipeline: Sendable {
    private let interceptors: [any ServerInterceptor]

    /// Interceptors, outermost first.
    public init(_ interceptors: [any ServerInterceptor]) { self.interceptors = interceptors }

    /// Whether an entry has one handler, and nothing stands around it: then `entry.body` is all there is to run, and
    /// spares a message the way through here.
    package func isBare(_ entry: Router.Entry) -> Bool { interceptors.isEmpty && entry.others.isEmpty }

    /// Runs the handlers of an entry: the first answers, the others of an event only run. `context` is asked for only
    /// when an interceptor wants to know it.
    public func run(
        _ entry: Router.Entry, _ payload: Payload, _ sink: any ReplySink, context: any MessageContextSource
    ) async throws {
        if isBare(entry) { return try await entry.body(payload, sink) }
        let call = IncomingCall(command: entry.command, context: context.messageContext, payload: payload)
        try await step(0, entry, call, sink)
    }

    private func step(_ at: Int, _ entry: Router.Entry, _ call: IncomingCall, _ sink: any ReplySink) async throws {
        if at < interceptors.count {
            return try await interceptors[at].intercept(call) { try await step(at + 1, entry, call, sink) }
        }
        var failure: (any Error)?
        do {
            try await entry.body(call.payload, sink)
        } catch {
            failure = error
        }
        for body in entry.others {
            do {
                try await body(call.payload, DiscardingSink.shared)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}

/// Takes answers nobody waits for.
public final class DiscardingSink: ReplySink {
    /// One is enough.
    public static let shared = DiscardingSink()
    /// Does nothing.
    public func reply(_ value: some MessageValue) {}
    /// Does nothing.
    public func end() {}
    /// Does nothing.
    public func value(_ value: some MessageValue) async throws {}
    /// Does nothing.
    public func endStream() {}
}

extension RemoteError {
    /// What a failed handler's caller is told: its own error as it is, violations listed, anything else hidden.
    public init(answering error: any Error) {
        switch error {
        case let error as RemoteError: self = error
        case let error as InvalidPayload: self.init(error)
        default: self = .internalServerError
        }
    }
}
