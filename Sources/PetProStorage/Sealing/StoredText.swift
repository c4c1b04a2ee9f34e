/// A text as a ``SealedTable`` stores it.
public enum StoredText: Sendable, Hashable {
    case null
    /// The text itself.
    case plain(String)
    /// The text, sealed with the data key of its person.
    case sealed([UInt8])
}
