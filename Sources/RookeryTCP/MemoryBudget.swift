import Synchronization

/// The bytes that all connections of a listener may keep for their peers, and each one's fair share of them.
///
/// A holder may grow to as many bytes as are free at that moment, and a peer's connections together to as many again
/// (dynamic thresholds: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998).
/// So one alone may take half, and however many greedy ones there are, some is always free for one that needs little.
package final class MemoryBudget: Sendable {
    /// Bytes in all.
    package let limit: Int
    private let usedBytes = Atomic<Int>(0)

    /// A budget of so many bytes.
    package init(limit: Int) { self.limit = limit }

    /// Bytes that are kept now.
    package var used: Int { usedBytes.load(ordering: .relaxed) }

    /// What each holder may keep as long as there is anything free, whatever others of its peer keep: a small request of a
    /// peer that has large ones under way. 16 KiB.
    package static let floor = 16 * 1024

    /// Whether a holder that keeps `held` bytes, of a peer whose connections keep `peerHeld` in all, may keep `more`.
    package func allows(_ more: Int, held: Int, peerHeld: Int) -> Bool {
        let free = limit - used
        if held + more <= Self.floor { return more <= free }
        return max(held, peerHeld) + more <= free
    }

    /// Notes that a holder keeps so many more bytes, or fewer.
    package func add(_ bytes: Int) { usedBytes.add(bytes, ordering: .relaxed) }
}
