/// How many messages answer a command.
public enum CommandKind: String, Sendable, Hashable {
    /// One reply.
    case request
    /// None.
    case event
    /// Any number of values over time.
    case stream
}
