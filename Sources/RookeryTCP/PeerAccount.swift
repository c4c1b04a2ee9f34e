import Synchronization

/// What one peer uses at a listener: connections, bytes, and log lines.
package final class PeerAccount: Sendable {
    /// The address, without a port. For an IPv6 peer it is the /64, which is what one subscriber gets.
    package let address: String
    /// The number of the peer's connections. Guarded by the table's lock.
    let connections = Atomic<Int>(0)
    private let heldBytes = Atomic<Int>(0)
    private let log = Mutex<(second: Int, suppressed: Int)>((.min, 0))

    /// Makes an account that uses nothing yet.
    package init(address: String) { self.address = address }

    /// Bytes that the peer's connections hold.
    package var held: Int { heldBytes.load(ordering: .relaxed) }

    /// Adds to the bytes that the peer's connections hold; a negative number subtracts.
    package func add(_ bytes: Int) { heldBytes.add(bytes, ordering: .relaxed) }

    /// Asks to log a line about the peer; one line per second is allowed. Returns how many lines were suppressed since
    /// the last one, or nil if this line must be suppressed.
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
