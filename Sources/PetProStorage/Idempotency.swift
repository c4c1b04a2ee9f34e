import Crypto
import NIOCore
import PetProContracts
public import Rookery

/// The key of a request. Requests with the same scope and key count as one request.
public struct IdempotencyKey: Sendable {
    /// How long replies are kept: 24 hours.
    public static let lifetime: Duration = .seconds(24 * 3600)

    private let scope: String
    private let key: String
    private let digest: String

    /// Makes a key within a scope, such as one user. `body` is the text of the request.
    public init(scope: String, key: String, body: String) {
        self.scope = scope
        self.key = key
        digest = Self.digest(body)
    }

    /// Returns the SHA-256 of a text, in hexadecimal.
    public static func digest(_ text: String) -> String {
        ByteBuffer(bytes: SHA256.hash(data: Array(text.utf8))).hexDump(format: .compact)
    }

    /// Returns the reply stored for this key, or nil. Throws `KEY_REUSED` when the reply belongs to another request.
    public func reply<Reply: MessageValue>(in transaction: Transaction, at now: Instant) throws -> Reply? {
        try transaction.row(
            "SELECT digest, reply FROM idempotency WHERE scope = ? AND key = ? AND created_at > ?", scope, key,
            now - Self.lifetime
        ) { row in
            guard try row.text() == digest else {
                throw RemoteError(.keyReused, "This idempotency key was used for another request.")
            }
            return try row.json()
        }
    }

    /// Deletes the replies of a scope, because they may hold the personal data of a deleted account.
    public static func forget(scope: String, in transaction: Transaction) throws {
        try transaction.execute("DELETE FROM idempotency WHERE scope = ?", scope)
    }

    /// Deletes the replies that were stored, and the events that were delivered, more than ``lifetime`` ago.
    public static func forgetOld(in database: Database, at now: Instant) async throws {
        let limit = now - lifetime
        try await database.write { transaction in
            try transaction.execute("DELETE FROM idempotency WHERE created_at <= ?", limit)
            try transaction.execute("DELETE FROM outbox WHERE delivered_at <= ?", limit)
        }
    }

    /// Stores a reply. Call it in the transaction of the request's effect.
    public func keep(_ reply: some MessageValue, in transaction: Transaction, at now: Instant) throws {
        // Replaces the reply of a key that is older than `lifetime`: such a key is free again.
        try transaction.execute(
            """
            INSERT INTO idempotency (scope, key, digest, reply, created_at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (scope, key) DO UPDATE
            SET digest = excluded.digest, reply = excluded.reply, created_at = excluded.created_at
            """, scope, key, digest, reply.json, now)
    }
}
