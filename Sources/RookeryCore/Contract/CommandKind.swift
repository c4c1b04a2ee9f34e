/// See ``_CommandKind``.
package typealias CommandKind = _CommandKind

/// The number of messages that answer a command.
public enum _CommandKind: Sendable, Hashable {
    /// One reply.
    case request
    /// No reply.
    case event
    /// Any number of values over time.
    case stream
}
