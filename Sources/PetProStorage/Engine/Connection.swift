/// One connection to a database, which prepares each statement once. Confined to one thread at a time.
///
/// Each engine has a subclass.
class Connection {
    /// The data keys of the people in the database. Nil when the database has no key store.
    private(set) var keyStore: KeyStoreConnection?

    init(_ keyStore: KeyStoreConnection? = nil) { self.keyStore = keyStore }

    /// Gives the connection the data keys. Call it once, before the first transaction.
    func attach(_ keyStore: KeyStoreConnection) { self.keyStore = keyStore }

    /// The texts of the prepared statements.
    var prepared: [String] { [] }

    /// Whether a transaction is open. An engine ends a transaction by itself after some errors.
    var isInTransaction: Bool { false }

    /// The number of rows that the last statement changed.
    var changes: Int { 0 }

    /// Begins a transaction of a kind. A write transaction sees no other write between its first read and its commit. A bare
    /// one begins nothing.
    func begin(_ access: DatabaseJob.Access) throws {}

    /// Runs a statement without values. Throws ``EngineError``.
    func execute(_ sql: String) throws { try perform(sql, []) { try $0.finish() } }

    /// Whether a statement that waited has failed in this transaction, which can only be rolled back.
    var hasFailedLater: Bool { false }

    /// Runs a statement without rows, at the latest before the next statement or the commit. If it fails, that
    /// statement or the commit throws an error whose ``EngineError/isOfEarlier`` is true.
    func executeLater(_ sql: String, _ values: [any SQLConvertible]) throws {
        try perform(sql, values) { try $0.finish() }
    }

    /// Whether a part takes nothing more than its statements.
    var hasCheapParts: Bool { false }

    /// Begins a part of a write transaction, which can be undone alone. Parts follow each other.
    func beginPart() throws { try execute("SAVEPOINT part") }

    /// Undoes what the part has written. Returns false if only the whole transaction can be rolled back.
    func undoPart() throws -> Bool {
        try execute("ROLLBACK TO part")
        return true
    }

    /// Ends the part, and keeps what it has written for the commit.
    func endPart() throws { try execute("RELEASE part") }

    /// Announces what the part reads that begins, and what the next part will read, which nothing in this part changes.
    func expect(_ own: ReadAhead, before next: ReadAhead?, in transaction: Transaction) throws {}

    /// Announces the queries of a closure that only reads.
    func expectAll(_ queries: [Query]) throws {}

    /// Binds values to a statement, through which `body` steps. Throws ``EngineError``, and what `body` throws.
    func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ body: (borrowing Statement) throws -> Value
    ) throws -> Value {
        throw EngineError(.other, "no engine", sql: sql)
    }

    /// Ends a transaction of a kind, and keeps its changes.
    func commit(_ access: DatabaseJob.Access) throws {
        if access != .bare { try execute("COMMIT") }
    }

    /// Ends the connection.
    func close() throws { try keyStore?.close() }

    /// Returns the texts in the first column of a query.
    func texts(_ sql: String, _ values: any SQLConvertible...) throws -> [String] {
        try perform(sql, values) { statement in
            var found: [String] = []
            while try statement.step() {
                var row = statement.row
                found.append(try row.text())
            }
            return found
        }
    }

    // MARK: What differs between engines

    /// Returns the value by which a column of a ``SealedTable`` stores a text that is not sealed.
    func plain(_ text: String) -> SQLValue { .text(text) }

    /// Returns a condition for whether a column of a ``SealedTable`` has a sealed value, or a plain one.
    func isSealed(_ column: String, _ isSealed: Bool) -> String {
        "typeof(\(column)) = '\(isSealed ? "blob" : "text")'"
    }

    /// The names of the tables.
    func tables() throws -> [String] { try texts("SELECT name FROM sqlite_master WHERE type = 'table'") }

    /// Notes that rows of a table were inserted with ids of the caller's choice.
    func idsWereChosen(in table: String) throws {}

    /// The query that ``nextID(of:above:)`` runs, if it can be expected.
    func queryOfNextID(of table: String) -> Query? { nil }

    /// Returns the next id of a table whose ids the engine counts, which is above `least`.
    func nextID(of table: String, above least: Int) throws -> Int {
        let last = try perform("SELECT seq FROM sqlite_sequence WHERE name = ?", [table]) { statement in
            guard try statement.step() else { return 0 }
            var row = statement.row
            return try row.int()
        }
        return max(last, least) + 1
    }
}
