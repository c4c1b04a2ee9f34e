import Synchronization

/// The bytes that all connections of a listener may hold for their peers, and each connection's fair share of them.
///
/// A holder may grow to as many bytes as are free at that moment. The same bound applies to a peer's connections
/// together (dynamic thresholds: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet
/// Switches", 1998). So one holder alone gets half. However many greedy holders there are, some memory stays free for
/// one that needs little.
package final class MemoryBudget: Sendable {
    /// The bytes for all holders together.
    package let limit: Int
    private let usedBytes = Atomic<Int>(0)

    /// Makes a budget of `limit` bytes.
    package init(limit: Int) { self.limit = limit }

    /// Bytes in use.
    package var used: Int { usedBytes.load(ordering: .relaxed) }

    /// The bytes that each holder may use while enough are free, whatever its peer holds: 16 KiB. So a peer with large
    /// requests in flight can still send a small one.
    package static let floor = 16 * 1024

    /// Whether a holder may take `more` bytes. The holder has `held` bytes, and its peer's connections have `peerHeld`
    /// together.
    package func allows(_ more: Int, held: Int, peerHeld: Int) -> Bool {
        let free = limit - used
        if held + more <= Self.floor { return more <= free }
        return max(held, peerHeld) + more <= free
    }

    /// Adds to the bytes in use; a negative number subtracts.
    package func add(_ bytes: Int) { usedBytes.add(bytes, ordering: .relaxed) }
}
