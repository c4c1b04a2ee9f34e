/// Where the handler of a command runs.
public enum HandlerExecution: Sendable, Hashable {
    /// On the event loop of the message's connection. A handler that computes for longer than about a millisecond there
    /// holds up every connection of the loop.
    case eventLoop
    /// On Swift's global pool of threads: for handlers that compute.
    case concurrent
}
