/// Where the handler of a command runs.
public enum HandlerExecution: Sendable, Hashable {
    /// On the event loop of the message's connection. A handler that computes there for more than about 1 ms delays
    /// every connection of the loop.
    case eventLoop
    /// On Swift's global thread pool, for handlers that compute.
    case concurrent
}
