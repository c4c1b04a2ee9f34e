import Tracing

/// Provides the context of a message on demand, because most handlers never read it.
package protocol MessageContextSource: AnyObject, Sendable {
    /// The context of the message.
    var messageContext: MessageContext { get }
    /// The address of the caller.
    var peer: String { get }
    /// The service that sent the message, by its key.
    var caller: Caller? { get }
    /// The metadata that the caller sent.
    var metadata: [String: String] { get }
}
