import Foundation
import PetProContracts
import PetProStorage
import Rookery

/// A row of `users`, secrets included.
struct UserRecord: Sendable {
    var user: User
    var password: String
    var registrationKey: String?
    var registrationHash: String?
}

extension Transaction {
    /// The form of an address by which accounts are found: trimmed, composed, in lower case.
    static func emailKey(_ email: String) -> String {
        email.trimmingCharacters(in: .whitespaces).precomposedStringWithCompatibilityMapping.lowercased()
    }

    private static func record(_ row: Row) throws -> UserRecord {
        UserRecord(
            user: User(
                id: try row.int("id"), email: try row.text("email"), name: try row.text("name"),
                role: try row.value("role"), state: try row.value("state"), createdAt: try row.instant("created_at")),
            password: try row.text("password"), registrationKey: try row.optionalText("registration_key"),
            registrationHash: try row.optionalText("registration_hash"))
    }

    func user(id: Int) throws -> UserRecord? {
        try row("SELECT * FROM users WHERE id = ?", id).map(Self.record)
    }

    func user(email: String) throws -> UserRecord? {
        try row("SELECT * FROM users WHERE email_key = ?", Self.emailKey(email)).map(Self.record)
    }

    func user(registrationKey: String) throws -> UserRecord? {
        try row("SELECT * FROM users WHERE registration_key = ?", registrationKey).map(Self.record)
    }

    func pendingUsers(createdBefore instant: Instant) throws -> [UserRecord] {
        try rows("SELECT * FROM users WHERE state = 'pending_vendor' AND created_at < ? ORDER BY id", instant)
            .map(Self.record)
    }

    /// Inserts an account. Throws `EMAIL_TAKEN`: the unique index decides, whatever was read before.
    func insertUser(_ request: CreateUser, state: UserState, password: String, at now: Instant) throws -> User {
        do {
            let id = try insert(
                """
                INSERT INTO users (email, email_key, password, name, role, state, registration_key, registration_hash,
                    created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                request.email, Self.emailKey(request.email), password, request.name, request.role.rawValue,
                state.rawValue, request.registrationKey, request.registrationHash, now)
            return User(
                id: id, email: request.email, name: request.name, role: request.role, state: state, createdAt: now)
        } catch let error as ConstraintViolated where error.message.contains("email_key") {
            throw RemoteError(.emailTaken, "An account with this email address exists.")
        }
    }

    func setState(_ state: UserState, ofUser id: Int) throws {
        try execute("UPDATE users SET state = ? WHERE id = ?", state.rawValue, id)
    }

    /// The seed of the key that signs tokens; made by whichever instance starts first.
    func signingSeed(orMake make: () -> [UInt8]) throws -> [UInt8] {
        try execute("INSERT OR IGNORE INTO signing_key (id, seed) VALUES (1, ?)", SQLValue.blob(make()))
        guard let row = try row("SELECT seed FROM signing_key WHERE id = 1") else { return make() }
        return try row.blob("seed")
    }
}
