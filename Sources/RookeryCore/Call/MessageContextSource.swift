import Tracing

/// Knows what surrounds a message, and says so only when it is asked: most handlers never do.
package protocol MessageContextSource: AnyObject, Sendable {
    /// What surrounds the message.
    var messageContext: MessageContext { get }
}
