/// What a call is answered with: nothing, a message, or a stream.
public struct Reply: Sendable {
    private enum Content {
        case none
        case message(MessageBody)
        case stream(MessageStream<MessageBody>)
    }

    private let content: Content

    private init(_ content: Content) { self.content = content }

    /// Nothing: of an event, and of a command that returns nothing.
    public static let none = Reply(.none)

    /// A message.
    public init(_ message: MessageBody) { self.init(.message(message)) }

    package init(_ value: some MessageValue) { self.init(.message(MessageBody(value))) }

    /// Values over time.
    package init(stream: MessageStream<MessageBody>) { self.init(.stream(stream)) }

    /// The message; nil when the answer is nothing, or a stream.
    public var message: MessageBody? { if case .message(let message) = content { message } else { nil } }

    /// The stream; nil when the answer is none.
    package var stream: MessageStream<MessageBody>? { if case .stream(let stream) = content { stream } else { nil } }

    /// The same answer with its message, or each value of its stream, replaced as it passes.
    public func mapMessages(
        _ transform: @escaping @Sendable (MessageBody) async throws -> MessageBody
    ) async throws -> Reply {
        switch content {
        case .none: self
        case .message(let message): Reply(try await transform(message))
        case .stream(let stream): Reply(stream: stream.mapped(transform))
        }
    }
}
