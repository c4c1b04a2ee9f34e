import Crypto
import PetProContracts
public import Rookery

/// The key of a request. Requests with the same scope and key count as one request.
public struct IdempotencyKey: Sendable {
    /// How long replies are kept: 24 hours.
    public static let lifetime: Duration = .seconds(24 * 3600)

    static let table = SealedTable("idempotency", key: ["scope", "key"], subject: "subject", columns: ["reply"])

    private let scope: String
    private let key: String
    private let body: String
    private let subject: Int?

    /// Makes a key within a scope, such as one user. `body` is the text of the request. `subject` is the account to which
    /// the reply belongs: its data key seals the reply. Nil for replies without personal data.
    public init(scope: String, key: String, body: String, subject: Int?) {
        self.scope = scope
        self.key = key
        self.body = body
        self.subject = subject
    }

    /// Returns the SHA-256 of a text, in hexadecimal.
    public static func digest(_ text: String) -> String {
        Hexadecimal.text(Array(SHA256.hash(data: Array(text.utf8))))
    }

    /// The form in which a key is stored: a client may have put anything into it.
    package static func stored(_ key: String, in transaction: Transaction) -> String {
        transaction.digest(key, as: "idempotency.key")
    }

    /// The place of a reply, by its stored key.
    private static func row(_ scope: String, _ key: String, _ subject: Int) -> SealedRow {
        SealedRow(table, row: digest(scope + "\0" + key), subject: subject)
    }

    /// Returns all stored replies of a command, with their keys as they are stored, for inspection.
    package static func replies(of command: String, in transaction: Transaction) throws -> [(
        key: String, reply: String
    )] {
        let sql = """
            SELECT scope, key, subject, reply FROM idempotency WHERE scope >= ? AND scope < ?
            """
        return try transaction.rows(sql, command + ":", command + ";") { row in
            let (scope, key) = (try row.text(), try row.text())
            let place = Self.row(scope, key, try row.optionalInt() ?? 0)
            return (key, try transaction.open(try row.stored(), "reply", in: place) ?? "")
        }
    }

    /// The query of ``reply(in:at:)``.
    public func replyQuery(in transaction: Transaction, at now: Instant) -> Query {
        Query(
            // Earlier versions stored the key itself.
            "SELECT key, digest, subject, reply FROM idempotency WHERE scope = ? AND key IN (?, ?) AND created_at > ?",
            scope, Self.stored(key, in: transaction), key, now - Self.lifetime)
    }

    /// Returns the reply stored for this key, or nil. Throws `KEY_REUSED` when the reply belongs to another request.
    public func reply<Reply: MessageValue>(in transaction: Transaction, at now: Instant) throws -> Reply? {
        let kept: Reply?? = try transaction.row(replyQuery(in: transaction, at: now)) { row -> Reply? in
            let (stored, digest) = (try row.text(), try row.text())
            // Earlier versions stored the SHA-256 of the request.
            guard digest == transaction.digest(body, as: "idempotency.digest") || digest == Self.digest(body) else {
                throw RemoteError(.keyReused, "This idempotency key was used for another request.")
            }
            let subject = try row.optionalInt()
            guard let text = try transaction.open(try row.stored(), "reply", in: Self.row(scope, stored, subject ?? 0))
            else {
                return nil
            }
            return try Reply.decode(Array(text.utf8), format: .json, rules: .types)
        }
        return kept ?? nil
    }

    /// Deletes the replies of an account, because they may hold the personal data of a deleted account.
    public static func forget(subject: Int, in transaction: Transaction) throws {
        try transaction.execute("DELETE FROM idempotency WHERE subject = ?", subject)
    }

    /// Stores a reply. Call it in the transaction of the request's effect.
    public func keep(_ reply: some MessageValue, in transaction: Transaction, at now: Instant) throws {
        let storedKey = Self.stored(key, in: transaction)
        let stored =
            try subject.map { try transaction.seal(reply.json, "reply", in: Self.row(scope, storedKey, $0)) }
            ?? .text(reply.json)
        // Replaces the reply of a key that is older than `lifetime`: such a key is free again.
        try transaction.executeLater(
            """
            INSERT INTO idempotency (scope, key, digest, subject, reply, created_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (scope, key) DO UPDATE
            SET digest = excluded.digest, subject = excluded.subject, reply = excluded.reply,
                created_at = excluded.created_at
            """, scope, storedKey, transaction.digest(body, as: "idempotency.digest"), subject, stored, now)
    }
}
