import Synchronization

/// What one peer address has at a listener: connections, bytes, and lines in the log.
package final class PeerAccount: Sendable {
    /// The address, without a port. An IPv6 peer is known by its /64, because that is what one subscriber gets.
    package let address: String
    /// Guarded by the table's lock.
    let connections = Atomic<Int>(0)
    private let heldBytes = Atomic<Int>(0)
    private let log = Mutex<(second: Int, suppressed: Int)>((.min, 0))

    /// Nothing yet.
    package init(address: String) { self.address = address }

    /// Bytes that its connections keep.
    package var held: Int { heldBytes.load(ordering: .relaxed) }

    /// Notes that its connections keep so many more bytes, or fewer.
    package func add(_ bytes: Int) { heldBytes.add(bytes, ordering: .relaxed) }

    /// Whether something the peer did may be logged now: one line a second. Gives how many lines were not written since the
    /// last one.
    package func mayLog(second: Int) -> Int? {
        log.withLock { log in
            guard log.second != second else {
                log.suppressed += 1
                return nil
            }
            defer { log = (second, 0) }
            return log.suppressed
        }
    }
}
