/// Sends calls to a service. A transport handles bytes and connections, not types.
package protocol ClientTransport: Sendable {
    /// Sends a request and returns its last reply.
    ///
    /// Throws ``RemoteError`` if the command failed, and ``CallError`` if there is no reply. Throws `CancellationError`
    /// if the task is cancelled. The transport then drops the call and ignores a late reply.
    func request(_ call: Call) async throws -> Payload

    /// Sends an event. Returns after the transport has handed it to the connection. The peer does not acknowledge it.
    func emit(_ call: Call) async throws

    /// Opens a stream. Sends the request at once, and receives only a few values before the caller reads them.
    ///
    /// If the caller ends the iteration or cancels its task, the transport ends the stream at the peer.
    func stream(_ call: Call) async throws -> MessageStream<Payload>

    /// Waits before a stream that broke by `error` is opened again, after `failures` in a row. False if it must not be opened.
    /// Throws `CancellationError`.
    func mayReopen(_ command: Command, after error: any Error, failures: Int) async throws -> Bool

    /// Runs the background work of the transport until the task is cancelled.
    func run() async throws

    /// Ends every call in flight with ``CallError/Code/closed`` and closes the connections.
    func close() async
}

extension ClientTransport {
    /// Waits a tenth of a second, for transports without guards.
    package func mayReopen(_: Command, after _: any Error, failures _: Int) async throws -> Bool {
        try await Task.sleep(for: .milliseconds(100))
        return true
    }

    /// Returns at once, for transports without background work.
    package func run() async throws {}
}
