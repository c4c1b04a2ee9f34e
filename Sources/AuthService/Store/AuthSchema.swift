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
            """)
    ]
}
