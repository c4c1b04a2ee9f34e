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

    /// Reads an account. Nil for a person who was erased, and whom a restored backup brought back.
    private func record(_ row: inout Row) throws -> UserRecord? {
        let id = try row.int()
        let place = Self.place(id)
        guard let email = try open(try row.stored(), "email", in: place) else { return nil }
        return UserRecord(
            user: User(
                id: id, email: email, name: try open(try row.stored(), "name", in: place) ?? "", role: try row.value(),
                state: try row.value(), createdAt: try row.instant()),
            password: try open(try row.stored(), "password", in: place) ?? "",
            registrationKey: try open(try row.stored(), "registration_key", in: place),
            registrationDigest: try open(try row.stored(), "registration_digest", in: place),
            madeBy: try row.optionalText(),
            touchedBy: try row.optionalText(), touchedAt: try row.instant(), claimedAt: try row.optionalInstant())
    }

    private static func place(_ id: Int) -> SealedRow { SealedRow(AuthSchema.users, row: id, subject: id) }

    func user(id: Int) throws -> UserRecord? {
        try row("SELECT \(Self.recordColumns) FROM users WHERE id = ?", id, read: record) ?? nil
    }

    /// Returns the role and the state of an account. It reads nothing else, because it runs for each request.
    func standing(ofUser id: Int) throws -> (role: Role, state: UserState)? {
        let query = Query("SELECT role, state FROM users WHERE id = ?", id)
        try expectAll([query])
        return try row(query) { (try $0.value(), try $0.value()) }
    }

    func user(email: String) throws -> UserRecord? {
        let (sealed, plain) = indexes(email, in: AuthSchema.users)
        return try row(
            "SELECT \(Self.recordColumns) FROM users WHERE email_key IN (?, ?)", sealed, plain, read: record)
            ?? nil
    }

    /// Inserts an account. Throws `EMAIL_TAKEN`.
    func insertUser(_ request: CreateUser, state: UserState, password: String, at now: Instant) throws -> User {
        // The unique index compares values of one form only.
        let (sealed, plain) = indexes(request.email, in: AuthSchema.users)
        if try exists("SELECT 1 FROM users WHERE email_key IN (?, ?)", sealed, plain) {
            throw RemoteError(.emailTaken, "An account with this email address exists.")
        }
        let id = try nextID(in: AuthSchema.users, isSubject: true)
        let place = Self.place(id)
        try execute(
            """
            INSERT INTO users (id, email, email_key, password, name, role, state, registration_key,
                registration_digest, made_by, touched_by, touched_at, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            id, try seal(request.email, "email", in: place), index(request.email, in: AuthSchema.users),
            try seal(password, "password", in: place), try seal(request.name, "name", in: place),
            request.role.rawValue, state.rawValue, try seal(request.registrationKey, "registration_key", in: place),
            try seal(request.registrationDigest, "registration_digest", in: place), request.attempt, request.attempt,
            now, now)
        return User(
            id: id, email: request.email, name: request.name, role: request.role, state: state, createdAt: now)
    }

    /// Sets the hash of an account's password, if it is still `former`. Returns whether it was.
    func setPassword(_ password: String, insteadOf former: String, ofUser id: Int) throws -> Bool {
        guard try user(id: id)?.password == former else { return false }
        let sealed = try seal(password, "password", in: Self.place(id))
        return try execute("UPDATE users SET password = ? WHERE id = ?", sealed, id) == 1
    }

    /// Deletes an account, with its tokens. Returns whether there was one.
    func eraseUser(_ id: Int, at now: Instant) throws -> Bool {
        guard try execute("DELETE FROM users WHERE id = ?", id) == 1 else { return false }
        try noteErasure(of: id, at: now)
        return true
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
            try seal(request.name, "name", in: Self.place(id)),
            try seal(request.registrationKey, "registration_key", in: Self.place(id)),
            try seal(request.registrationDigest, "registration_digest", in: Self.place(id)), request.attempt, now, id)
    }

    func setState(_ state: UserState, ofUser id: Int) throws {
        try execute("UPDATE users SET state = ?, claim = NULL, claimed_at = NULL WHERE id = ?", state.rawValue, id)
    }

    /// Returns whether a legal hold forbids to erase an account.
    func isHeld(_ id: Int) throws -> Bool {
        try exists("SELECT 1 FROM users WHERE id = ? AND held_at IS NOT NULL", id)
    }

    /// Begins a legal hold, or ends it with nil.
    func setHeld(_ id: Int, since: Instant?) throws {
        try execute("UPDATE users SET held_at = ? WHERE id = ?", since, id)
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
        guard let record = try user(id: id), try !isHeld(id),
            Registration.mayClaim(
                state: record.user.state, touchedAt: record.touchedAt, claimedAt: record.claimedAt, at: now)
        else { return false }
        return try execute("UPDATE users SET claim = ?, claimed_at = ? WHERE id = ?", token, now, id) == 1
    }

    /// Carries out a claim: activates an account with a vendor, or deletes one without. Returns false when the claim no
    /// longer holds.
    func settle(_ id: Int, claim token: String, hasVendor: Bool, at now: Instant) throws -> Bool {
        guard try exists("SELECT 1 FROM users WHERE id = ? AND claim = ?", id, token) else { return false }
        if hasVendor {
            try setState(.active, ofUser: id)
        } else {
            _ = try eraseUser(id, at: now)
        }
        return true
    }

    // MARK: The signing key of earlier versions

    func formerSigningSeed() throws -> [UInt8]? {
        try row("SELECT seed FROM signing_key WHERE id = 1") { try $0.blob() }
    }

    /// Deletes the key, which is now in a separate file. SQLite overwrites its bytes (`secure_delete`).
    func forgetFormerSigningSeed() throws { try execute("DELETE FROM signing_key WHERE id = 1") }
}
