import Foundation
import PetProContracts
import PetProStorage
import Rookery

/// A row of `users`, secrets included.
struct UserRecord: Sendable {
    var user: User
    var password: String
    var registrationKey: String?
    var registrationDigest: String?
    /// The attempt that created the account.
    var madeBy: String?
    /// The attempt that last continued the account.
    var touchedBy: String?
    var touchedAt: Instant
    var claimedAt: Instant?

    var existing: Registration.Existing {
        Registration.Existing(
            state: user.state, role: user.role, name: user.name, key: registrationKey, digest: registrationDigest,
            claimedAt: claimedAt)
    }
}

extension Transaction {
    private static let recordColumns = """
        id, email, name, role, state, created_at, password, registration_key, registration_digest, made_by, touched_by,
        touched_at, claimed_at
        """

    private static func record(_ row: inout Row) throws -> UserRecord {
        UserRecord(
            user: User(
                id: try row.int(), email: try row.text(), name: try row.text(), role: try row.value(),
                state: try row.value(), createdAt: try row.instant()),
            password: try row.text(), registrationKey: try row.optionalText(),
            registrationDigest: try row.optionalText(), madeBy: try row.optionalText(),
            touchedBy: try row.optionalText(), touchedAt: try row.instant(), claimedAt: try row.optionalInstant())
    }

    func user(id: Int) throws -> UserRecord? {
        try row("SELECT \(Self.recordColumns) FROM users WHERE id = ?", id, read: Self.record)
    }

    /// Returns the role and the state of an account. It reads nothing else, because it runs for each request.
    func standing(ofUser id: Int) throws -> (role: Role, state: UserState)? {
        try row("SELECT role, state FROM users WHERE id = ?", id) { (try $0.value(), try $0.value()) }
    }

    func user(email: String) throws -> UserRecord? {
        try row(
            "SELECT \(Self.recordColumns) FROM users WHERE email_key = ?", EmailKey.of(email), read: Self.record)
    }

    /// Inserts an account. Throws `EMAIL_TAKEN` when the unique index refuses the address.
    func insertUser(_ request: CreateUser, state: UserState, password: String, at now: Instant) throws -> User {
        do {
            let id = try insert(
                """
                INSERT INTO users (email, email_key, password, name, role, state, registration_key,
                    registration_digest, made_by, touched_by, touched_at, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                RETURNING id
                """,
                request.email, EmailKey.of(request.email), password, request.name, request.role.rawValue,
                state.rawValue, request.registrationKey, request.registrationDigest, request.attempt, request.attempt,
                now, now)
            return User(
                id: id, email: request.email, name: request.name, role: request.role, state: state, createdAt: now)
        } catch let error as ConstraintViolated where error.message.contains("email_key") {
            throw RemoteError(.emailTaken, "An account with this email address exists.")
        }
    }

    /// Notes that an attempt continues an account, and assigns the account to its registration. The account's time to
    /// get a vendor starts again.
    func touch(_ id: Int, by request: CreateUser, at now: Instant) throws {
        try execute(
            """
            UPDATE users SET name = ?, registration_key = ?, registration_digest = ?, touched_by = ?, touched_at = ?,
                claim = NULL, claimed_at = NULL
            WHERE id = ?
            """,
            request.name, request.registrationKey, request.registrationDigest, request.attempt, now, id)
    }

    func setState(_ state: UserState, ofUser id: Int) throws {
        try execute("UPDATE users SET state = ?, claim = NULL, claimed_at = NULL WHERE id = ?", state.rawValue, id)
    }

    // MARK: Pending accounts without a vendor

    /// Returns the ids of accounts that have been pending for too long, oldest first, at most `limit`.
    func forsakenUsers(at now: Instant, limit: Int) throws -> [Int] {
        try rows(
            "SELECT id FROM users WHERE state = 'pending_vendor' AND touched_at <= ? ORDER BY touched_at LIMIT ?",
            now - Registration.patience, limit
        ) { try $0.int() }
    }

    /// Claims an account for the sweeper. Returns false when the sweeper may not, or may no longer, claim it.
    func claim(_ id: Int, as token: String, at now: Instant) throws -> Bool {
        guard let record = try user(id: id),
            Registration.mayClaim(
                state: record.user.state, touchedAt: record.touchedAt, claimedAt: record.claimedAt, at: now)
        else { return false }
        return try execute("UPDATE users SET claim = ?, claimed_at = ? WHERE id = ?", token, now, id) == 1
    }

    /// Carries out a claim: activates an account with a vendor, or deletes one without. Returns false when the claim no
    /// longer holds.
    func settle(_ id: Int, claim token: String, hasVendor: Bool) throws -> Bool {
        let sql =
            hasVendor
            ? "UPDATE users SET state = 'active', claim = NULL, claimed_at = NULL WHERE id = ? AND claim = ?"
            : "DELETE FROM users WHERE id = ? AND claim = ?"
        return try execute(sql, id, token) == 1
    }

    // MARK: The signing key of earlier versions

    func formerSigningSeed() throws -> [UInt8]? {
        try row("SELECT seed FROM signing_key WHERE id = 1") { try $0.blob() }
    }

    /// Deletes the key, which is now in a separate file. SQLite overwrites its bytes (`secure_delete`).
    func forgetFormerSigningSeed() throws { try execute("DELETE FROM signing_key WHERE id = 1") }
}
