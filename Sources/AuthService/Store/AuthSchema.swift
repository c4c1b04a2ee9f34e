import PetProContracts
import PetProStorage

enum AuthSchema {
    static let migrations = [
        Migration(
            "auth-1",
            """
            CREATE TABLE users (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                email TEXT NOT NULL,
                email_key TEXT NOT NULL UNIQUE,
                password TEXT NOT NULL,
                name TEXT NOT NULL,
                role TEXT NOT NULL,
                state TEXT NOT NULL,
                registration_key TEXT UNIQUE,
                registration_hash TEXT,
                created_at INTEGER NOT NULL
            );
            CREATE INDEX users_pending ON users (created_at) WHERE state = 'pending_vendor';
            CREATE TABLE refresh_tokens (
                hash TEXT PRIMARY KEY,
                user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                family TEXT NOT NULL,
                expires_at INTEGER NOT NULL,
                rotated_at INTEGER,
                revoked_at INTEGER
            );
            CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
            CREATE TABLE signing_key (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                seed BLOB NOT NULL
            );
            """),
        // registration_hash was a digest of the whole registration with its password, so its values are overwritten.
        // Registration keys need no longer be unique, so that strangers do not share them. Old keys are dropped, so
        // they no longer resume pending accounts. The sweeper settles these accounts. Names over 100 characters are
        // shortened.
        Migration(
            "auth-2",
            """
            PRAGMA secure_delete = ON;
            UPDATE users SET registration_hash = NULL;
            CREATE TABLE accounts (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                email TEXT NOT NULL,
                email_key TEXT NOT NULL UNIQUE,
                password TEXT NOT NULL,
                name TEXT NOT NULL,
                role TEXT NOT NULL,
                state TEXT NOT NULL,
                registration_key TEXT,
                registration_digest TEXT,
                made_by TEXT,
                touched_by TEXT,
                touched_at INTEGER NOT NULL,
                claim TEXT,
                claimed_at INTEGER,
                created_at INTEGER NOT NULL
            );
            INSERT INTO accounts (id, email, email_key, password, name, role, state, touched_at, created_at)
                SELECT id, email, email_key, password, substr(name, 1, 100), role, state, created_at, created_at FROM users;
            UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'users')
                WHERE name = 'accounts' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'users');
            DROP TABLE users;
            ALTER TABLE accounts RENAME TO users;
            CREATE INDEX users_pending ON users (touched_at) WHERE state = 'pending_vendor';
            ALTER TABLE refresh_tokens ADD COLUMN successor TEXT;
            ALTER TABLE refresh_tokens ADD COLUMN grace_used INTEGER NOT NULL DEFAULT 0;
            INSERT INTO store_kind (id, kind)
                SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM users WHERE email_key = 'admin@petpro.example')
                    THEN 'demo' ELSE 'live' END
                WHERE EXISTS (SELECT 1 FROM users);
            """),
        // Deleting an account deletes its tokens. This index finds them.
        Migration("auth-3", "CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id)"),
        // Since when a legal hold forbids to erase an account.
        Migration("auth-4", "ALTER TABLE users ADD COLUMN held_at INTEGER"),
        // Finds the tokens to delete.
        Migration("auth-5", "CREATE INDEX refresh_tokens_age ON refresh_tokens (expires_at)"),
    ]

    static let users = SealedTable(
        "users", subject: "id", columns: ["email", "password", "name", "registration_key", "registration_digest"],
        index: .init("email_key", of: "email", form: EmailKey.of))
}
