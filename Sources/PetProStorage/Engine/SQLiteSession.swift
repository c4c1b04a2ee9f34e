import GRDB

/// A session with a SQLite file.
final class SQLiteSession: EngineSession {
    private let queue: DatabaseQueue
    private let known: Known

    /// The connection, made on first use.
    // Sendable, unchecked: only touched within the queue, which runs one closure at a time.
    private final class Known: @unchecked Sendable {
        var connection: Connection?
        let keyStore: KeyStoreConnection?
        init(_ keyStore: KeyStoreConnection?) { self.keyStore = keyStore }
    }

    init(_ queue: DatabaseQueue, _ keyStore: KeyStoreConnection?) {
        self.queue = queue
        known = Known(keyStore)
    }

    func use<Value>(_ body: (Connection) throws -> Value) rethrows -> Value {
        try queue.inDatabase { database in
            if let connection = known.connection { return try body(connection) }
            let made = SQLiteConnection(database, known.keyStore)
            known.connection = made
            return try body(made)
        }
    }

    func close() throws {
        try queue.inDatabase { _ in
            if let connection = known.connection { try connection.close() } else { try known.keyStore?.close() }
            known.connection = nil
        }
        try queue.close()
    }
}
