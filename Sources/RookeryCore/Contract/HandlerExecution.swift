/// Where the handler of a command runs.
public enum HandlerExecution: Sendable, Hashable {
    /// On the event loop of the message's connection. A handler that computes there delays every connection of the
    /// loop. The server logs the commands of a loop that is held for more than 250 ms.
    case eventLoop
    /// On Swift's global thread pool, for handlers that compute.
    case concurrent
}
