/// What a write reads before it decides.
///
/// PostgreSQL gets these queries in one statement, so that they cost one round trip. When writes of several callers share a
/// transaction, it answers them while the closure of the write before still runs, if the two writes have no key in common.
/// SQLite has no round trips, and runs each query when the closure does.
public struct ReadAhead: Sendable {
    private let keys: Set<String>
    private let list: @Sendable (Transaction) -> [Query?]

    /// Makes the declaration. `keys` names what the queries look at and what the closure changes, such as a vendor and a customer:
    /// no write without a common key may change what `queries` find. The closure runs each of the queries with exactly these
    /// values, before it writes. Declare an id only if most closures need it: it is used up whether the closure asks for it or not.
    public init(of keys: Set<String>, queries: @escaping @Sendable (Transaction) -> [Query?]) {
        self.keys = keys
        list = queries
    }

    func queries(_ transaction: Transaction) -> [Query] { list(transaction).compactMap(\.self) }

    /// Whether a write changes nothing that another one reads.
    func isIndependent(of other: ReadAhead) -> Bool { keys.isDisjoint(with: other.keys) }
}
