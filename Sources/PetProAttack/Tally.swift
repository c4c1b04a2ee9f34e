import Synchronization

/// What attackers got for what they did, counted by kind.
final class Tally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Counts one more.
    func count(_ kind: String) { counts.withLock { $0[kind, default: 0] += 1 } }

    /// How many there are of each kind.
    var all: [String: Int] { counts.withLock { $0 } }

    /// How many there are in all.
    var total: Int { counts.withLock { $0.values.reduce(0, +) } }
}
