package import NIOCore

/// A call on its way: what an ``Interceptor`` sees, the same at a client and at a server.
public struct Call: Sendable {
    /// What is called.
    public let command: Command
    /// The message.
    public var message: MessageBody
    /// What travels along, by name. A client sends it to Rookery servers always, to plain ones where it is set to.
    public var metadata: [String: String]
    /// When the caller stops waiting; nil at a server whose caller did not say, and for streams there.
    public var deadline: Deadline?
    /// How long a stream may be silent, before its first value and between values. Of no interest to a server.
    package var silenceLimit: Duration

    package init(
        command: Command, message: MessageBody, metadata: [String: String] = [:], deadline: Deadline? = nil,
        silenceLimit: Duration = .seconds(5)
    ) {
        self.command = command
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.silenceLimit = silenceLimit
    }
}

extension Call {
    /// When the caller stops waiting, on the clock of timers; the distant future when it did not say.
    package var deadlineInstant: NIODeadline {
        get { deadline?.instant ?? .distantFuture }
        set { deadline = Deadline(newValue) }
    }
}
