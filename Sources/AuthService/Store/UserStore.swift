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
    /// The attempts that made it, and that last went on with it.
    var madeBy: String?
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
    /// The form of an address by which accounts are found: trimmed, composed, in lower case.
    static func emailKey(_ email: String) -> String {
        email.trimmingCharacters(in: .whitespaces).precomposedStringWithCompatibilityMapping.lowercased()
    }

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

    /// What a token says of an account, and no more: read for each request.
    func standing(ofUser id: Int) throws -> (role: Role, state: UserState)? {
        try row("SELECT role, state FROM users WHERE id = ?", id) { (try $0.value(), try $0.value()) }
    }

    func user(email: String) throws -> UserRecord? {
        try row(
            "SELECT \(Self.recordColumns) FROM users WHERE email_key = ?", Self.emailKey(email), read: Self.record)
    }

    /// Inserts an account. Throws `EMAIL_TAKEN`: the unique index decides, whatever was read before.
    func insertUser(_ request: CreateUser, state: UserState, password: String, at now: Instant) throws -> User {
        do {
            let id = try insert(
                """
                INSERT INTO users (email, email_key, password, name, role, state, registration_key,
                    registration_digest, made_by, touched_by, touched_at, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                request.email, Self.emailKey(request.email), password, request.name, request.role.rawValue,
                state.rawValue, request.registrationKey, request.registrationDigest, request.attempt, request.attempt,
                now, now)
            return User(
                id: id, email: request.email, name: request.name, role: request.role, state: state, createdAt: now)
        } catch let error as ConstraintViolated where error.message.contains("email_key") {
            throw RemoteError(.emailTaken, "An account with this email address exists.")
        }
    }

    /// An attempt goes on with an account, which is this registration's from now on: the sweeper leaves it alone for a while.
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

    // MARK: Accounts that never got their vendors

    /// The ids of accounts that may be taken back, the oldest first, at most so many.
    func forsakenUsers(at now: Instant, limit: Int) throws -> [Int] {
        try rows(
            "SELECT id FROM users WHERE state = 'pending_vendor' AND touched_at <= ? ORDER BY touched_at LIMIT ?",
            now - Registration.patience, limit
        ) { try $0.int() }
    }

    /// Claims an account for the sweeper; false when it may not be, or no longer.
    func claim(_ id: Int, as token: String, at now: Instant) throws -> Bool {
        guard let record = try user(id: id),
            Registration.mayClaim(
                state: record.user.state, touchedAt: record.touchedAt, claimedAt: record.claimedAt, at: now)
        else { return false }
        return try execute("UPDATE users SET claim = ?, claimed_at = ? WHERE id = ?", token, now, id) == 1
    }

    /// Carries a claim out: activates the account of a vendor that exists, or deletes one without. False when the claim no
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

    /// Overwrites it: it is in a file of its own now.
    func forgetFormerSigningSeed() throws { try execute("DELETE FROM signing_key WHERE id = 1") }
}
