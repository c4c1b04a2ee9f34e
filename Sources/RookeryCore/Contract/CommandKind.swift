/// See ``_CommandKind``.
package typealias CommandKind = _CommandKind

/// How many messages answer a command.
public enum _CommandKind: Sendable, Hashable {
    /// One reply.
    case request
    /// None.
    case event
    /// Any number of values over time.
    case stream
}
