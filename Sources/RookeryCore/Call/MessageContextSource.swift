import Tracing

/// Provides the context of a message on demand, because most handlers never read it.
package protocol MessageContextSource: AnyObject, Sendable {
    /// The context of the message.
    var messageContext: MessageContext { get }
}
