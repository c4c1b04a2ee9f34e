import Crypto
import Foundation
import GRDB
import PetProRuntime
import Rookery
import Synchronization

/// The data keys of a service's people, each sealed by an encryption key. They are in a file of their own beside the
/// database, so that a copy of the database opens nothing, and a backup of it brings back no key that was destroyed.
///
/// It also keeps which keys were destroyed, and the secret of the blind indexes.
final class KeyStore: Sendable {
    /// An encryption key is missing without which data keys cannot be opened.
    struct MissingKey: Error, CustomStringConvertible {
        let ids: [String]
        let path: String
        var description: String {
            "the encryption keys lack \(ids.joined(separator: ", ")), without which the personal data of \(path) cannot be "
                + "read: put the file of the encryption keys back, from another host or its backup"
        }
    }

    let protection: Protection
    private let path: String?
    private let shared: DatabaseQueue?
    private let indexSecret: SymmetricKey
    private let indexKeys = Mutex<[String: SymmetricKey]>([:])
    /// A random name of the store, by which a database recognizes it.
    let mark: String

    /// The same tables for PostgreSQL, in the schema of the data keys.
    static let postgres = Migration.postgresTypes(migration)

    static let migration = """
        CREATE TABLE data_keys (
            subject INTEGER PRIMARY KEY,
            encryption_key TEXT,
            sealed BLOB,
            destroyed_at INTEGER
        );
        CREATE INDEX data_keys_encryption_key ON data_keys (encryption_key);
        CREATE INDEX data_keys_destroyed ON data_keys (subject) WHERE destroyed_at IS NOT NULL;
        CREATE TABLE secrets (
            name TEXT PRIMARY KEY,
            encryption_key TEXT NOT NULL,
            sealed BLOB NOT NULL
        );
        CREATE TABLE mark (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            value TEXT NOT NULL
        );
        """

    /// Opens the store in a file, or in memory without a path. Throws ``MissingKey`` and the error of SQLite.
    init(path: String?, _ protection: Protection) throws {
        self.path = path
        self.protection = protection
        var migrator = DatabaseMigrator()
        migrator.registerMigration("keys-1") { try $0.execute(sql: Self.migration) }
        if let path { try PrivateFiles.prepare(file: path) }
        let queue = try Self.open(path, isWriter: true)
        shared = path == nil ? queue : nil
        if try queue.read({ try migrator.hasBeenSuperseded($0) }) { throw Database.SchemaTooNew() }
        do {
            try migrator.migrate(queue)
        } catch {
            // Another instance may have run the same step at the same moment.
            try migrator.migrate(queue)
        }
        (mark, indexSecret) = try queue.inDatabase { database in
            let connection = SQLiteConnection(database)
            try Self.check(connection, protection, path ?? "memory")
            return (try Self.mark(connection), try Self.indexSecret(connection, protection))
        }
        if path != nil { try queue.close() }
    }

    /// Opens the store in the schema of a PostgreSQL database to which a connection is. Throws ``MissingKey`` and
    /// ``EngineError``.
    init(_ connection: Connection, of target: PostgresTarget, _ protection: Protection) throws {
        self.protection = protection
        path = nil
        shared = nil
        try Self.check(connection, protection, "schema \(target.keysSchema)")
        mark = try Self.mark(connection)
        indexSecret = try Self.indexSecret(connection, protection)
    }

    private static func open(_ path: String?, isWriter: Bool) throws -> DatabaseQueue {
        guard let path else { return try DatabaseQueue(configuration: Database.configuration) }
        var configuration = Database.configuration
        configuration.journalMode = .wal
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        // A data key must be on the disk before the first value that it seals.
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return queue
    }

    private static func check(_ connection: Connection, _ protection: Protection, _ path: String) throws {
        var used = Set(try connection.texts("SELECT encryption_key FROM secrets ORDER BY name"))
        used.formUnion(try dataKeysAreSealed(by: connection))
        let keys = protection.keys()
        let missing = used.filter { keys[$0] == nil }.sorted()
        if !missing.isEmpty { throw MissingKey(ids: missing, path: path) }
    }

    /// The ids of the encryption keys that seal data keys. It steps over the data keys of each.
    private static func dataKeysAreSealed(by connection: Connection) throws -> [String] {
        var found: [String] = []
        while true {
            let next = try connection.texts(
                "SELECT encryption_key FROM data_keys WHERE encryption_key > ? ORDER BY encryption_key LIMIT 1",
                found.last ?? "")
            guard let id = next.first else { return found }
            found.append(id)
        }
    }

    private static func mark(_ connection: Connection) throws -> String {
        _ = try connection.perform(
            "INSERT INTO mark (id, value) VALUES (1, ?) ON CONFLICT DO NOTHING", [UUID().uuidString]
        ) { try $0.finish() }
        return try connection.texts("SELECT value FROM mark WHERE id = 1")[0]
    }

    static let indexSecretName = "index"

    static func secretPath(_ name: String, _ protection: Protection) -> FieldPath {
        FieldPath(service: protection.service, table: "secrets", column: "sealed", row: name, subject: 0)
    }

    private static func indexSecret(_ connection: Connection, _ protection: Protection) throws -> SymmetricKey {
        let path = secretPath(indexSecretName, protection)
        let key = protection.keys().sealing
        let secret = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        _ = try connection.perform(
            "INSERT INTO secrets (name, encryption_key, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [indexSecretName, key.id, SQLValue.blob(try key.seal(secret, at: path))]
        ) { try $0.finish() }
        let sealed = try connection.perform("SELECT sealed FROM secrets WHERE name = ?", [indexSecretName]) {
            statement in
            _ = try statement.step()
            var row = statement.row
            return try row.blob()
        }
        guard let used = SealingKey.id(of: sealed).flatMap({ protection.keys()[$0] }) else { throw Unreadable() }
        return SymmetricKey(data: try used.open(sealed, at: path))
    }

    /// Makes a connection for one thread.
    func connect() throws -> KeyStoreConnection {
        KeyStoreConnection(self, try shared ?? Self.open(path, isWriter: true), isOwner: shared == nil)
    }

    /// The key of a blind index or a digest, derived from the store's secret for one table, column and use.
    func indexKey(_ name: String) -> SymmetricKey {
        indexKeys.withLock { keys in
            if let key = keys[name] { return key }
            let key = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: indexSecret, info: Array("petpro index key 1|\(protection.service)|\(name)".utf8),
                outputByteCount: 32)
            keys[name] = key
            return key
        }
    }

    /// Returns the HMAC-SHA256 of a text under the key of an index.
    func index(_ name: String, _ text: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: indexKey(name)))
    }
}
