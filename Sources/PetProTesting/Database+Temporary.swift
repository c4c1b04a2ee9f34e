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
        guard testServer != nil else { return try Database(inMemory: migrations, protection: protection) }
        return try Database(newSchema(), migrations: migrations, protection: protection, readers: 0)
    }

    /// Makes an empty database for one test, and opens it as several processes would: a SQLite file, or a schema of the
    /// ``testServer``. `folder` gets the files. Throws the error of the engine.
    public static func shared(_ count: Int, _ migrations: [Migration], in folder: String) throws -> [Database] {
        if testServer == nil {
            return try (0..<count).map { _ in try Database(path: folder + "/shared.sqlite", migrations: migrations) }
        }
        let target = newSchema()
        return try (0..<count).map { _ in try Database(target, migrations: migrations, readers: 1) }
    }

    private static func newSchema() -> PostgresTarget {
        let schema = "t" + UUID().uuidString.lowercased().replacing("-", with: "")
        return PostgresTarget(url: testServer ?? "", schema: schema)
    }
}
