import Synchronization

/// Counts what attackers did and the answers they got, by kind.
final class Tally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Adds 1 to the count of a kind.
    func count(_ kind: String) { counts.withLock { $0[kind, default: 0] += 1 } }

    /// The count of each kind.
    var all: [String: Int] { counts.withLock { $0 } }

    /// The sum of all counts.
    var total: Int { counts.withLock { $0.values.reduce(0, +) } }
}
