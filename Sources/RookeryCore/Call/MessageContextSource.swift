import Tracing

/// Provides the context of a message on demand, because most handlers never read it.
package protocol MessageContextSource: AnyObject, Sendable {
    /// The context of the message.
    var messageContext: MessageContext { get }
    /// The address of the caller's connection, with its port.
    var peer: String { get }
    /// The address that all connections of the caller share. What serves callers in turn counts by it.
    var peerAddress: String { get }
    /// The service that sent the message, by its key.
    var caller: Caller? { get }
    /// The address of the connection and the caller, for spans.
    var origin: MessageOrigin { get }
    /// The metadata that the caller sent.
    var metadata: [String: String] { get }
}
