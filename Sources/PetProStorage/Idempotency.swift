import Crypto
import PetProContracts
public import Rookery

/// A caller's promise that two requests with one key are one.
public struct IdempotencyKey: Sendable {
    /// How long replies are kept: 24 hours.
    public static let lifetime: Duration = .seconds(24 * 3600)

    private let scope: String
    private let key: String
    private let digest: String

    /// A key within a scope, such as a user, for a request of which `body` is the text.
    public init(scope: String, key: String, body: String) {
        self.scope = scope
        self.key = key
        digest = Self.digest(body)
    }

    /// A digest of a request's text.
    public static func digest(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }

    /// The reply kept for this key, if there is one. Throws `KEY_REUSED` when it belongs to another request.
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

    /// Forgets the replies of a scope: they may hold what a person has asked to be forgotten.
    public static func forget(scope: String, in transaction: Transaction) throws {
        try transaction.execute("DELETE FROM idempotency WHERE scope = ?", scope)
    }

    /// Forgets replies that have been kept long enough, and events that were delivered as long ago.
    public static func forgetOld(in database: Database, at now: Instant) async throws {
        let limit = now - lifetime
        try await database.write { transaction in
            try transaction.execute("DELETE FROM idempotency WHERE created_at <= ?", limit)
            try transaction.execute("DELETE FROM outbox WHERE delivered_at <= ?", limit)
        }
    }

    /// Keeps a reply, in the transaction of its effect.
    public func keep(_ reply: some MessageValue, in transaction: Transaction, at now: Instant) throws {
        // A key whose reply has been kept for a day is free again.
        try transaction.execute(
            "INSERT OR REPLACE INTO idempotency (scope, key, digest, reply, created_at) VALUES (?, ?, ?, ?, ?)",
            scope, key, digest, reply.json, now)
    }
}
