/// Carries calls to a service. Transports know bytes and connections, not types.
package protocol ClientTransport: Sendable {
    /// Sends a request and waits for its last reply. Throws ``RemoteError`` when the command failed, ``CallError`` when
    /// there is no answer, `CancellationError` when the task is cancelled: the call is then forgotten, and a late reply
    /// ignored.
    func request(_ call: Call) async throws -> Payload

    /// Sends an event; returns when it has been handed to the connection. Nothing acknowledges it.
    func emit(_ call: Call) async throws

    /// Opens a stream; the request is sent at once, and few values come before something reads them. Ending the iteration,
    /// or cancelling its task, ends it at the peer.
    func stream(_ call: Call) async throws -> MessageStream<Payload>

    /// Does what has to be done while calls are made, until the task is cancelled.
    func run() async throws

    /// Ends every call under way with ``CallError/Code/closed`` and closes the connections.
    func close() async
}

extension ClientTransport {
    /// Nothing has to be done.
    package func run() async throws {}
}
