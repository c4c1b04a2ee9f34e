import Crypto
import GRDB
import PetProContracts
import Rookery

/// A thread's connection to a key store. Confined to one thread at a time.
final class KeyStoreConnection {
    let store: KeyStore
    private let place: Place
    /// Keys that were opened, with their sealed forms, by subject.
    private var opened: [Int: (sealed: [UInt8], key: SealingKey)] = [:]
    /// The most opened keys that are kept. Then all are dropped.
    private static let openedLimit = 4096

    /// Where the store's tables are.
    private enum Place {
        /// In a file of its own, through a session of its own.
        case file(SQLiteSession, isOwner: Bool)
        /// In a schema of the database, through the connection to the data. What it writes is part of the transaction.
        case schema(Unowned)
    }

    /// The connection has this object, and outlives it.
    private struct Unowned {
        unowned let connection: Connection
    }

    /// Makes a connection to a store's file. Without `isOwner`, another object closes the file.
    init(_ store: KeyStore, _ queue: DatabaseQueue, isOwner: Bool) {
        self.store = store
        place = .file(SQLiteSession(queue, nil), isOwner: isOwner)
    }

    /// Makes a connection to a store in a schema of the database to which `connection` is.
    init(_ store: KeyStore, sharing connection: Connection) {
        self.store = store
        place = .schema(Unowned(connection: connection))
    }

    func close() throws {
        if case .file(let session, isOwner: true) = place { try session.close() }
    }

    private func use<Value>(_ body: (Connection) throws -> Value) throws -> Value {
        switch place {
        case .schema(let shared): try body(shared.connection)
        case .file(let session, _): try current.map(body) ?? session.use(body)
        }
    }

    /// The file's connection while a transaction runs on it.
    private var current: Connection?

    /// Runs `body` in a write transaction. Throws what it throws, and undoes its changes then.
    private func transaction<Value>(_ body: () throws -> Value) throws -> Value {
        try use { connection in
            // The data's transaction covers it.
            if connection.isInTransaction { return try body() }
            try connection.begin(.write)
            if case .file = place { current = connection }
            defer { current = nil }
            do {
                let value = try body()
                try connection.commit(.write)
                return value
            } catch {
                if connection.isInTransaction { try? connection.execute("ROLLBACK") }
                throw error
            }
        }
    }

    private func rows<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ read: (inout Row) throws -> Value
    ) throws -> [Value] {
        try use { connection in
            try connection.perform(sql, values) { statement in
                var found: [Value] = []
                while try statement.step() {
                    var row = statement.row
                    found.append(try read(&row))
                }
                return found
            }
        }
    }

    @discardableResult
    private func execute(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        try use { connection in
            try connection.perform(sql, values) { try $0.finish() }
            return connection.changes
        }
    }

    // MARK: Data keys

    /// What the store knows of a person.
    enum Found {
        case key(SealingKey)
        case none
        case destroyed
    }

    private func path(_ subject: Int) -> FieldPath {
        FieldPath(
            service: store.protection.service, table: "data_keys", column: "sealed", row: String(subject),
            subject: subject)
    }

    private static func dataKeyQuery(_ subject: Int) -> Query {
        Query("SELECT sealed FROM data_keys WHERE subject = ?", subject)
    }

    /// The query for a person's data key, if it runs on the connection to the data.
    func query(_ subject: Int) -> Query? {
        if case .schema = place { Self.dataKeyQuery(subject) } else { nil }
    }

    /// Returns a person's data key. Throws ``Unreadable`` when it cannot be opened.
    func find(_ subject: Int) throws -> Found {
        let query = Self.dataKeyQuery(subject)
        let sealed = try rows(query.sql, query.values) { try $0.optionalBlob() }
        guard let row = sealed.first else { return .none }
        guard let sealed = row else { return .destroyed }
        if let known = opened[subject], known.sealed == sealed { return .key(known.key) }
        let key = SealingKey(secret: SymmetricKey(data: try encryptionKey(of: sealed).open(sealed, at: path(subject))))
        if opened.count >= Self.openedLimit { opened = [:] }
        opened[subject] = (sealed, key)
        return .key(key)
    }

    /// Returns the encryption key of a sealed value. Another process may have added it just now.
    private func encryptionKey(of sealed: [UInt8]) throws -> SealingKey {
        guard let id = SealingKey.id(of: sealed) else { throw Unreadable() }
        if let key = store.protection.keys()[id] { return key }
        if store.protection.reload(), let key = store.protection.keys()[id] { return key }
        throw Unreadable()
    }

    /// Returns a person's data key, and makes it if there is none. A new key is on the disk when this returns.
    ///
    /// Throws `USER_NOT_FOUND` when the key was destroyed.
    func dataKey(of subject: Int) throws -> SealingKey {
        for _ in 0..<2 {
            switch try find(subject) {
            case .key(let key): return key
            case .destroyed: throw RemoteError(.userNotFound, "This account was erased.")
            case .none: break
            }
            // The operator may have made another one, and may take the old one away.
            _ = store.protection.reload()
            let encryption = store.protection.keys().sealing
            let secret = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
            // Another process may have made it first. Then that one is in use.
            try execute(
                """
                INSERT INTO data_keys (subject, encryption_key, sealed) VALUES (?, ?, ?)
                ON CONFLICT DO NOTHING
                """, subject, encryption.id, SQLValue.blob(try encryption.seal(secret, at: path(subject))))
        }
        throw Unreadable()
    }

    /// Destroys a person's data key for good. Nothing is sealed for the person any more.
    func destroy(_ subject: Int, at now: Instant) throws {
        opened[subject] = nil
        try execute(
            """
            INSERT INTO data_keys (subject, destroyed_at) VALUES (?, ?)
            ON CONFLICT (subject) DO UPDATE SET encryption_key = NULL, sealed = NULL, destroyed_at = excluded.destroyed_at
            WHERE data_keys.destroyed_at IS NULL
            """, subject, now)
    }

    /// Removes what is left of destroyed keys: from the log of a store's file, or from a table of PostgreSQL, outside a transaction.
    /// Returns false when another process reads the log.
    func checkpoint() throws -> Bool {
        guard case .file = place else {
            // What was overwritten is gone from the table only then.
            try use { try $0.execute("VACUUM data_keys") }
            return true
        }
        return try rows("PRAGMA wal_checkpoint(TRUNCATE)", []) { try $0.int() == 0 }.first ?? true
    }

    /// The people whose keys were destroyed, in order, at most `limit` after one.
    func destroyed(after subject: Int, limit: Int) throws -> [Int] {
        try rows(
            """
            SELECT subject FROM data_keys WHERE destroyed_at IS NOT NULL AND subject > ? ORDER BY subject LIMIT ?
            """, [subject, limit]
        ) { try $0.int() }
    }

    /// The highest subject that the store knows, or 0.
    func lastSubject() throws -> Int {
        try rows("SELECT COALESCE(MAX(subject), 0) FROM data_keys", []) { try $0.int() }.first ?? 0
    }

    // MARK: Rotation

    /// Seals data keys and secrets that other encryption keys seal again with the one that seals, at most `limit` after a
    /// person. Returns the last person, or nil at the end, how many keys it sealed, and how many cannot be opened: they stay
    /// as they are.
    func rewrap(after: Int, limit: Int) throws -> (last: Int?, count: Int, left: Int) {
        try transaction { try rewrapWithin(after: after, limit: limit) }
    }

    /// Whether a data key or a secret is not sealed with the encryption key that seals.
    func needsRewrap() throws -> Bool {
        let id = store.protection.keys().sealing.id
        let keys = try rows(
            "SELECT 1 FROM data_keys WHERE encryption_key < ? OR encryption_key > ? LIMIT 1", [id, id]
        ) { try $0.int() }
        let secrets = try rows("SELECT 1 FROM secrets WHERE encryption_key <> ? ORDER BY name LIMIT 1", [id]) {
            try $0.int()
        }
        return !keys.isEmpty || !secrets.isEmpty
    }

    private func rewrapWithin(after: Int, limit: Int) throws -> (last: Int?, count: Int, left: Int) {
        let sealing = store.protection.keys().sealing
        var (count, left) = (0, 0)
        let keys = try rows(
            "SELECT subject, encryption_key, sealed FROM data_keys WHERE subject > ? ORDER BY subject LIMIT ?",
            [after, limit]
        ) { (try $0.int(), try $0.optionalText(), try $0.optionalBlob()) }
        for (subject, id, sealed) in keys where id != sealing.id {
            guard let sealed, let secret = try? encryptionKey(of: sealed).open(sealed, at: path(subject)) else {
                if sealed != nil { left += 1 }
                continue
            }
            count += try execute(
                "UPDATE data_keys SET encryption_key = ?, sealed = ? WHERE subject = ?", sealing.id,
                SQLValue.blob(try sealing.seal(secret, at: path(subject))), subject)
        }
        let secrets = try rows("SELECT name, sealed FROM secrets WHERE encryption_key <> ? ORDER BY name", [sealing.id])
        {
            (try $0.text(), try $0.blob())
        }
        for (name, sealed) in secrets {
            let path = KeyStore.secretPath(name, store.protection)
            guard let secret = try? encryptionKey(of: sealed).open(sealed, at: path) else {
                left += 1
                continue
            }
            count += try execute(
                "UPDATE secrets SET encryption_key = ?, sealed = ? WHERE name = ?", sealing.id,
                SQLValue.blob(try sealing.seal(secret, at: path)), name)
        }
        return (keys.last?.0, count, left)
    }
}
