/// The answer to a call: nothing, a message, or a stream.
public struct Reply: Sendable {
    private enum Content {
        case none
        case message(MessageBody)
        case stream(MessageStream<MessageBody>)
    }

    private let content: Content

    private init(_ content: Content) { self.content = content }

    /// An answer without a message: for an event, or for a command that returns nothing.
    public static let none = Reply(.none)

    /// Creates an answer with one message.
    public init(_ message: MessageBody) { self.init(.message(message)) }

    package init(_ value: some MessageValue) { self.init(.message(MessageBody(value))) }

    /// Creates an answer with a stream of values.
    package init(stream: MessageStream<MessageBody>) { self.init(.stream(stream)) }

    /// The message. Nil if the answer is empty or a stream.
    public var message: MessageBody? { if case .message(let message) = content { message } else { nil } }

    /// The stream. Nil if the answer is not a stream.
    package var stream: MessageStream<MessageBody>? { if case .stream(let stream) = content { stream } else { nil } }

    /// Returns the same answer with `transform` applied to its message, or to each value of its stream as it passes.
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
