import Foundation
public import PetProStorage

extension Database {
    /// The connection string of the PostgreSQL server on which tests run, in the environment variable `TEST_POSTGRES`.
    /// Nil for tests on SQLite.
    public static var testServer: String? { ProcessInfo.processInfo.environment["TEST_POSTGRES"] }

    /// Makes an empty database for one test: in memory, or a schema of the ``testServer``. Throws the error of the engine.
    public static func temporary(
        _ migrations: [Migration], protection: Protection? = Protection(service: "memory")
    ) throws -> Database {
        guard let testServer else { return try Database(inMemory: migrations, protection: protection) }
        let schema = "t" + UUID().uuidString.lowercased().replacing("-", with: "")
        return try Database(
            PostgresTarget(url: testServer, schema: schema), migrations: migrations, protection: protection, readers: 0)
    }
}
