package import NIOCore
import Tracing

/// A call, as an ``Interceptor`` sees it. Clients and servers use the same type.
public struct Call: Sendable {
    /// The command that is called.
    public let command: Command
    /// The message of the call.
    public var message: MessageBody
    /// The metadata of the call, by name. A client sends it in every negotiated frame, and in text packets if
    /// `sendsMetadata` is set.
    public var metadata: [String: String]
    /// The innermost span of a ``BoundedTracer``: at first the caller's, then the call's, then the attempt's. The server's span becomes its
    /// child. It replaces the `traceparent` of the metadata. The encoder makes the text of it.
    var span: LiveSpan?
    /// The service context of the call, with its span. Nil without a tracer, and where nothing runs in it.
    var context: ServiceContext?
    /// The moment when the caller stops waiting. At a server, nil if the caller sent none. Rookery clients send none
    /// for streams, in either direction.
    public var deadline: Deadline?
    /// The longest silence of the service: before and between values of a stream, and with a client stream, while it takes no value
    /// or gives no reply after the last one. Default 5 s. Servers do not use it.
    package var silenceLimit: Duration
    /// The values that the client sends behind the message. Nil if the command has no client stream, and at a server.
    package var clientStream: ClientStream?

    package init(
        command: Command, message: MessageBody, metadata: [String: String] = [:], deadline: Deadline? = nil,
        silenceLimit: Duration = .seconds(5), clientStream: ClientStream? = nil
    ) {
        self.command = command
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.silenceLimit = silenceLimit
        self.clientStream = clientStream
    }
}

extension Call {
    /// The identity of ``span`` as text. It replaces the entry of the metadata.
    package var traceparent: String? { span?.identity.description }

    /// Whether ``span`` is set.
    package var hasSpan: Bool { span != nil }

    /// Calls `body` with the text of ``span``'s identity, nil without a span. `body` gets bytes, so that a call allocates no `String`.
    package func withTraceparent<Result>(
        _ body: (UnsafeRawBufferPointer?) throws -> Result
    ) rethrows -> Result {
        guard let span else { return try body(nil) }
        return try span.identity.withText { try body($0) }
    }

    /// The metadata of a text packet. If it has a trace but no `x-request-id`, the trace id is the request id: Nest logs
    /// that.
    package var sentMetadata: [String: String] {
        var sent = metadata
        if let traceparent { sent[MetadataName.traceparent] = traceparent }
        if sent[MetadataName.requestID] == nil,
            let trace = span?.identity ?? sent[MetadataName.traceparent].flatMap({ Traceparent($0) })
        {
            sent[MetadataName.requestID] = trace.traceID
        }
        return sent
    }

    /// The deadline on the clock of NIO's timers. The distant future if there is none.
    package var deadlineInstant: NIODeadline {
        get { deadline?.instant ?? .distantFuture }
        set { deadline = Deadline(newValue) }
    }
}
