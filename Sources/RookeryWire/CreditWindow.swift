/// How many values of a stream its sender may still send: what its receiver grants, and nothing beyond it.
package struct CreditWindow: Sendable, Hashable {
    /// Values that may be sent now.
    package private(set) var available: Int
    /// More is never saved up, whatever a peer grants.
    private static let most = 1 << 30

    /// A window with the credit that every stream begins with.
    package init(_ initial: Int = BinaryHeader.initialCredit) { available = initial }

    /// Takes one; false when there is none and the sender has to wait.
    package mutating func take() -> Bool {
        if available == 0 { return false }
        available -= 1
        return true
    }

    /// The receiver granted some.
    package mutating func granted(_ amount: Int) { available = min(Self.most, available + max(0, amount)) }
}
