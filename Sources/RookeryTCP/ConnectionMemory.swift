import RookeryCore
import RookeryWire

/// The bytes that a connection keeps for its peer, as the budgets know them.
struct ConnectionMemory {
    /// Requests that are not done with: whole packets.
    private(set) var requests = 0
    /// The frame that has begun and not ended.
    private(set) var partialFrame = 0
    /// Answers that the network has not taken.
    private(set) var unsent = 0
    /// Answers that are being compressed elsewhere.
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

    /// The connection is gone, and all it kept.
    mutating func release(_ budget: MemoryBudget, _ peer: PeerAccount) {
        charge(-total, budget, peer)
        self = ConnectionMemory()
    }
}
