/// A server's decision against a message or a connection. The raw value is its label in metrics.
enum ServerDecision: String, CaseIterable {
    /// The server or the connection is at a limit, of memory, of messages or of the command's gate.
    case shed
    /// The gate observes, and would have refused the message.
    case wouldShed = "would_shed"
    /// The deadline had passed when the message came.
    case late
    /// No command has the pattern.
    case noHandler = "no_handler"
    /// The metadata is over its limit.
    case metadataTooLarge = "metadata_too_large"
    /// The message opens a stream, but has no id to answer to.
    case streamWithoutID = "stream_without_id"
    /// The message has a client stream that its command does not take, or lacks one.
    case clientStream = "client_stream"
    /// The peer showed no valid service key.
    case unauthenticated
    /// The peer's service key does not allow the command.
    case forbidden
    /// The table of connections is full, for the peer or in all.
    case refusedConnection = "refused_connection"
}
