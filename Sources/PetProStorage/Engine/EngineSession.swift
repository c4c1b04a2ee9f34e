import Foundation
import GRDB

/// What a thread of a database works with: one connection, which only it touches in operation.
protocol EngineSession: Sendable {
    /// Runs `body` with the connection.
    func use<Value>(_ body: (Connection) throws -> Value) rethrows -> Value
    /// Ends the connection.
    func close() throws
}

/// A session with a SQLite file.
final class SQLiteSession: EngineSession {
    private let queue: DatabaseQueue
    private let known: Known

    /// The connection, made on first use. Only touched within the queue.
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

/// A session with a PostgreSQL schema.
final class PostgresSession: EngineSession, @unchecked Sendable {
    // Sendable, unchecked: the lock guards the connection.
    private let lock = NSLock()
    private var connection: PostgresConnection?

    init(_ connection: PostgresConnection) { self.connection = connection }

    func use<Value>(_ body: (Connection) throws -> Value) rethrows -> Value {
        lock.lock()
        defer { lock.unlock() }
        // A closed session has no more jobs. A plain connection refuses every statement.
        return try body(connection ?? Connection())
    }

    func close() throws {
        lock.lock()
        defer { lock.unlock() }
        connection = nil
    }
}
