/// A step of a schema. A released step never changes. Later steps change what it made.
public struct Migration: Sendable {
    /// The step's name, unique within a database.
    public let name: String
    /// The SQL statements of the step.
    public let sql: String
    /// The statements for PostgreSQL, where they differ. Empty for a step from before PostgreSQL, whose tables a later step
    /// makes as they are by then.
    public let postgres: String

    /// Makes a step with a name and its statements: for both engines, or for each.
    public init(_ name: String, _ sql: String, postgres: String? = nil) {
        self.name = name
        self.sql = sql
        self.postgres = postgres ?? sql
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
            """, postgres: ""),
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
            """, postgres: ""),
        // The kind of the data. Each service marks an existing database itself, because it recognizes its demo data.
        Migration(
            "common-3",
            """
            CREATE TABLE store_kind (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                kind TEXT NOT NULL CHECK (kind IN ('demo', 'live'))
            );
            """, postgres: ""),
        // The aggregate of an event, within which events keep their order. Events without one keep the order of all.
        Migration(
            "common-4",
            """
            ALTER TABLE outbox ADD COLUMN aggregate TEXT NOT NULL DEFAULT '';
            CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
            """, postgres: ""),
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
            """, postgres: ""),
        // The log of events, in place of one row for each subscriber. The events that were not delivered yet move into it.
        Migration(
            "common-6",
            """
            CREATE TABLE events (
                position INTEGER PRIMARY KEY AUTOINCREMENT,
                aggregate TEXT NOT NULL,
                version INTEGER NOT NULL,
                event_id TEXT NOT NULL,
                type TEXT NOT NULL,
                data TEXT NOT NULL,
                occurred_at INTEGER NOT NULL,
                UNIQUE (aggregate, version)
            );
            CREATE INDEX events_age ON events (occurred_at);
            INSERT INTO events (aggregate, version, event_id, type, data, occurred_at)
                SELECT about, row_number() OVER (PARTITION BY about ORDER BY first), event_id, type,
                    json_extract(payload, '$.data'), occurred_at
                FROM (
                    SELECT min(id) AS first, CASE aggregate WHEN '' THEN 'event-' || event_id ELSE aggregate END AS about,
                        event_id, type, payload, occurred_at
                    FROM outbox WHERE delivered_at IS NULL GROUP BY event_id
                ) ORDER BY first;
            CREATE TABLE event_log (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                epoch INTEGER NOT NULL
            );
            CREATE TABLE subscriptions (
                subscriber TEXT PRIMARY KEY,
                cursor INTEGER NOT NULL
            );
            CREATE TABLE blocked_aggregates (
                subscriber TEXT NOT NULL,
                aggregate TEXT NOT NULL,
                position INTEGER NOT NULL,
                attempts INTEGER NOT NULL,
                error TEXT NOT NULL,
                PRIMARY KEY (subscriber, aggregate)
            );
            CREATE INDEX blocked_aggregates_position ON blocked_aggregates (subscriber, position);
            CREATE TABLE dead_letters (
                subscriber TEXT NOT NULL,
                position INTEGER NOT NULL,
                aggregate TEXT NOT NULL,
                version INTEGER NOT NULL,
                event_id TEXT NOT NULL,
                type TEXT NOT NULL,
                data TEXT NOT NULL,
                occurred_at INTEGER NOT NULL,
                attempts INTEGER NOT NULL,
                error TEXT NOT NULL,
                died_at INTEGER NOT NULL,
                is_replayed INTEGER NOT NULL,
                PRIMARY KEY (subscriber, position)
            );
            CREATE INDEX dead_letters_age ON dead_letters (died_at);
            CREATE TABLE received (
                aggregate TEXT PRIMARY KEY,
                epoch INTEGER NOT NULL,
                version INTEGER NOT NULL,
                received_at INTEGER NOT NULL
            );
            CREATE INDEX received_age ON received (received_at);
            INSERT INTO received (aggregate, epoch, version, received_at)
                SELECT 'event:' || event_id, 0, 0, received_at FROM inbox;
            CREATE TABLE leases (
                name TEXT PRIMARY KEY,
                holder TEXT NOT NULL,
                token INTEGER NOT NULL,
                beat INTEGER NOT NULL
            );
            DROP TABLE outbox;
            DROP TABLE inbox;
            DROP TABLE relay_lease;
            """,
            postgres: """
                            CREATE TABLE events (
                    position BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                    aggregate TEXT NOT NULL,
                    version BIGINT NOT NULL,
                    event_id TEXT NOT NULL,
                    type TEXT NOT NULL,
                    data TEXT NOT NULL,
                    occurred_at BIGINT NOT NULL,
                    UNIQUE (aggregate, version)
                );
                CREATE INDEX events_age ON events (occurred_at);
                CREATE TABLE event_log (
                    id BIGINT PRIMARY KEY CHECK (id = 1),
                    epoch BIGINT NOT NULL
                );
                CREATE TABLE subscriptions (
                    subscriber TEXT PRIMARY KEY,
                    cursor BIGINT NOT NULL
                );
                CREATE TABLE blocked_aggregates (
                    subscriber TEXT NOT NULL,
                    aggregate TEXT NOT NULL,
                    position BIGINT NOT NULL,
                    attempts BIGINT NOT NULL,
                    error TEXT NOT NULL,
                    PRIMARY KEY (subscriber, aggregate)
                );
                CREATE INDEX blocked_aggregates_position ON blocked_aggregates (subscriber, position);
                CREATE TABLE dead_letters (
                    subscriber TEXT NOT NULL,
                    position BIGINT NOT NULL,
                    aggregate TEXT NOT NULL,
                    version BIGINT NOT NULL,
                    event_id TEXT NOT NULL,
                    type TEXT NOT NULL,
                    data TEXT NOT NULL,
                    occurred_at BIGINT NOT NULL,
                    attempts BIGINT NOT NULL,
                    error TEXT NOT NULL,
                    died_at BIGINT NOT NULL,
                    is_replayed BIGINT NOT NULL,
                    PRIMARY KEY (subscriber, position)
                );
                CREATE INDEX dead_letters_age ON dead_letters (died_at);
                CREATE TABLE received (
                    aggregate TEXT PRIMARY KEY,
                    epoch BIGINT NOT NULL,
                    version BIGINT NOT NULL,
                    received_at BIGINT NOT NULL
                );
                CREATE INDEX received_age ON received (received_at);
                CREATE TABLE leases (
                    name TEXT PRIMARY KEY,
                    holder TEXT NOT NULL,
                    token BIGINT NOT NULL,
                    beat BIGINT NOT NULL
                );
                CREATE TABLE idempotency (
                    scope TEXT NOT NULL,
                    key TEXT NOT NULL,
                    digest TEXT NOT NULL,
                    reply BYTEA NOT NULL,
                    created_at BIGINT NOT NULL,
                    subject BIGINT,
                    rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
                    PRIMARY KEY (scope, key)
                );
                CREATE INDEX idempotency_age ON idempotency (created_at);
                CREATE INDEX idempotency_subject ON idempotency (subject) WHERE subject IS NOT NULL;
                CREATE TABLE store_kind (
                    id BIGINT PRIMARY KEY CHECK (id = 1),
                    kind TEXT NOT NULL CHECK (kind IN ('demo', 'live'))
                );
                CREATE TABLE key_store (
                    id BIGINT PRIMARY KEY CHECK (id = 1),
                    mark TEXT NOT NULL
                );
                CREATE TABLE erasures (
                    subject BIGINT PRIMARY KEY,
                    erased_at BIGINT NOT NULL,
                    key_destroyed_at BIGINT
                );
                CREATE INDEX erasures_open ON erasures (subject) WHERE key_destroyed_at IS NULL;
                CREATE TABLE sealing (
                    name TEXT PRIMARY KEY,
                    form TEXT NOT NULL,
                    upto BIGINT NOT NULL,
                    is_done BIGINT NOT NULL
                );
                """),
    ]
}
