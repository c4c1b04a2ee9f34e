/// A step of a schema. A released step never changes. Later steps change what it made.
public struct Migration: Sendable {
    /// The step's name, unique within a database.
    public let name: String
    /// The SQL statements of the step.
    public let sql: String

    /// Makes a step with a name and its statements.
    public init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }

    /// The steps of every service's database: events to deliver, received events, and replies by idempotency key.
    static let common = [
        Migration(
            "common-1",
            """
            CREATE TABLE outbox (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                event_id TEXT NOT NULL,
                subscriber TEXT NOT NULL,
                type TEXT NOT NULL,
                payload TEXT NOT NULL,
                occurred_at INTEGER NOT NULL,
                attempts INTEGER NOT NULL DEFAULT 0,
                next_attempt_at INTEGER NOT NULL DEFAULT 0,
                delivered_at INTEGER
            );
            CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE delivered_at IS NULL;
            CREATE TABLE inbox (
                event_id TEXT PRIMARY KEY,
                received_at INTEGER NOT NULL
            );
            CREATE TABLE idempotency (
                scope TEXT NOT NULL,
                key TEXT NOT NULL,
                digest TEXT NOT NULL,
                reply TEXT NOT NULL,
                created_at INTEGER NOT NULL,
                PRIMARY KEY (scope, key)
            );
            """),
        // The lease of the instance that delivers events. Only one instance delivers at a time, to keep the order of
        // events.
        Migration(
            "common-2",
            """
            CREATE TABLE relay_lease (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                holder TEXT NOT NULL,
                until INTEGER NOT NULL
            );
            CREATE INDEX idempotency_age ON idempotency (created_at);
            """),
        // The kind of the data. Each service marks an existing database itself, because it recognizes its demo data.
        Migration(
            "common-3",
            """
            CREATE TABLE store_kind (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                kind TEXT NOT NULL CHECK (kind IN ('demo', 'live'))
            );
            """),
        // The aggregate of an event, within which events keep their order. Events without one keep the order of all.
        Migration(
            "common-4",
            """
            ALTER TABLE outbox ADD COLUMN aggregate TEXT NOT NULL DEFAULT '';
            CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
            """),
        // The key store with the data keys of this database. The person to whom a reply belongs, whose data key seals it. A
        // row of erasures is the receipt for a person who was erased. How far the rewriting of each table is. Scopes end in the
        // account's id.
        Migration(
            "common-5",
            """
            CREATE TABLE key_store (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                mark TEXT NOT NULL
            );
            ALTER TABLE idempotency ADD COLUMN subject INTEGER;
            UPDATE idempotency SET subject = CAST(substr(scope, instr(scope, ':') + 1) AS INTEGER)
                WHERE instr(scope, ':') > 0;
            CREATE INDEX idempotency_subject ON idempotency (subject) WHERE subject IS NOT NULL;
            CREATE TABLE erasures (
                subject INTEGER PRIMARY KEY,
                erased_at INTEGER NOT NULL,
                key_destroyed_at INTEGER
            );
            CREATE INDEX erasures_open ON erasures (subject) WHERE key_destroyed_at IS NULL;
            CREATE TABLE sealing (
                name TEXT PRIMARY KEY,
                form TEXT NOT NULL,
                upto INTEGER NOT NULL,
                is_done INTEGER NOT NULL
            );
            """),
    ]
}
