import Rookery

/// The memory that a request takes up: accounted for until its handler lets go of the request, even when the connection is
/// gone by then.
final class RequestHold: Sendable {
    private let bytes: Int
    private let memory: MemoryBudget
    private let peer: PeerAccount

    /// Takes over the account of so many bytes.
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
