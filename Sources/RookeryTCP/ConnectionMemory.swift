import RookeryCore
import RookeryWire

/// The bytes that a connection holds for its peer, as charged to the memory budgets.
struct ConnectionMemory {
    /// Whole packets of messages in flight.
    private(set) var requests = 0
    /// The partial frame: its first bytes have come, its last have not.
    private(set) var partialFrame = 0
    /// Answers that the network has not taken yet.
    private(set) var unsent = 0
    /// Answers that another thread compresses.
    private(set) var elsewhere = 0

    var total: Int { requests + partialFrame + unsent + elsewhere }

    private func charge(_ bytes: Int, _ budget: MemoryBudget, _ peer: PeerAccount) {
        if bytes == 0 { return }
        budget.add(bytes)
        peer.add(bytes)
    }

    mutating func keep(_ bytes: Int, _ budget: MemoryBudget, _ peer: PeerAccount) {
        requests += bytes
        charge(bytes, budget, peer)
    }

    mutating func set(partialFrame bytes: Int, _ budget: MemoryBudget, _ peer: PeerAccount) {
        charge(bytes - partialFrame, budget, peer)
        partialFrame = bytes
    }

    mutating func set(unsent bytes: Int, _ budget: MemoryBudget, _ peer: PeerAccount) {
        charge(bytes - unsent, budget, peer)
        unsent = bytes
    }

    mutating func add(elsewhere bytes: Int, _ budget: MemoryBudget, _ peer: PeerAccount) {
        elsewhere += bytes
        charge(bytes, budget, peer)
    }

    /// Returns all bytes to the budgets when the connection ends.
    mutating func release(_ budget: MemoryBudget, _ peer: PeerAccount) {
        charge(-total, budget, peer)
        self = ConnectionMemory()
    }
}
