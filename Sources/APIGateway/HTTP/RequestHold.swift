import Rookery

/// Counts the memory of a request in the budget until its handler releases the request, even after the connection has
/// closed.
final class RequestHold: Sendable {
    private let bytes: Int
    private let memory: MemoryBudget
    private let peer: PeerAccount

    /// Takes over `bytes` that the connection has already counted.
    init(bytes: Int, _ memory: MemoryBudget, _ peer: PeerAccount) {
        self.bytes = bytes
        self.memory = memory
        self.peer = peer
    }

    deinit {
        memory.add(-bytes)
        peer.add(-bytes)
    }
}
