/// The number of values of a stream that the sender may still send. Only grants from the receiver raise it.
package struct CreditWindow: Sendable, Hashable {
    /// The number of values that may be sent now.
    package private(set) var available: Int
    /// The upper bound of `available`, whatever the peer grants.
    private static let most = 1 << 30

    /// Creates a window. The default is the initial credit of every stream, ``BinaryHeader/initialCredit``.
    package init(_ initial: Int = BinaryHeader.initialCredit) { available = initial }

    /// Uses one credit. Returns false if there is none; the sender then has to wait.
    package mutating func take() -> Bool {
        if available == 0 { return false }
        available -= 1
        return true
    }

    /// Adds the credit that the receiver granted. Ignores negative amounts, and caps the total at 2^30.
    package mutating func granted(_ amount: Int) { available = min(Self.most, available + max(0, amount)) }
}
