import Foundation

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
