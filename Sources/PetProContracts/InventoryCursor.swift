/// A position in Product's log of changes, as text `epoch:seq`. The epoch changes when a backup is restored.
public struct InventoryCursor: Sendable, Hashable, CustomStringConvertible {
    /// The epoch of the log.
    public let epoch: String
    /// The position of a change in it, 0 or more. 0 is before the first one.
    public let seq: Int

    /// Makes a cursor.
    public init(epoch: String, seq: Int) {
        self.epoch = epoch
        self.seq = seq
    }

    /// Reads a text. Nil for one that is no cursor.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let seq = Int(parts[1]), seq >= 0 else { return nil }
        self.init(epoch: String(parts[0]), seq: seq)
    }

    /// The text.
    public var description: String { "\(epoch):\(seq)" }
}
