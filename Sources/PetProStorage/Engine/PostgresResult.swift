import CPostgres

/// A result of PostgreSQL. Nil when the server gave none.
final class PostgresResult {
    let pointer: OpaquePointer?

    init(_ pointer: OpaquePointer?) { self.pointer = pointer }

    deinit { PQclear(pointer) }
}
