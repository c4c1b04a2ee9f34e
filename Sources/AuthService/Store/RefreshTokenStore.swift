import PetProContracts
import PetProStorage
import Rookery

/// Stores refresh tokens as digests, so that a copy of the database gives no session.
extension Transaction {
    /// How long a refresh token is valid: 14 days.
    static let refreshLifetime: Duration = .seconds(14 * 24 * 3600)
    /// How long a used token can be exchanged once more, because the reply with its successor may have been lost. 10 s.
    static let rotationGrace: Duration = .seconds(10)

    func insertRefreshToken(_ token: String, user: Int, family: String, at now: Instant) throws {
        try execute(
            "INSERT INTO refresh_tokens (hash, user_id, family, expires_at) VALUES (?, ?, ?, ?)",
            IdempotencyKey.digest(token), user, family, now + Self.refreshLifetime)
    }

    private struct RefreshTokenRecord {
        var userId: Int
        var family: String
        var expiresAt: Instant
        var rotatedAt: Instant?
        var revokedAt: Instant?
        var successor: String?
        var isGraceUsed: Bool
    }

    private func refreshToken(hash: String) throws -> RefreshTokenRecord? {
        try row(
            """
            SELECT user_id, family, expires_at, rotated_at, revoked_at, successor, grace_used FROM refresh_tokens
            WHERE hash = ?
            """, hash
        ) { row in
            RefreshTokenRecord(
                userId: try row.int(), family: try row.text(), expiresAt: try row.instant(),
                rotatedAt: try row.optionalInstant(), revokedAt: try row.optionalInstant(),
                successor: try row.optionalText(), isGraceUsed: try row.bool())
        }
    }

    /// The result of an exchange of a refresh token.
    enum Rotation {
        /// The successor was inserted, in the same family.
        case rotated(userId: Int)
        /// The token is unknown, expired or revoked.
        case refused
        /// The token was used before, so it may be stolen. Its whole family is now revoked.
        case reused(userId: Int)
    }

    /// Exchanges a token for its successor.
    ///
    /// A token that was used within ``rotationGrace`` can be exchanged once more, if its first successor was never
    /// used. That successor is then revoked, so that a family has only one unused token.
    func rotateRefreshToken(_ token: String, successor: String, at now: Instant) throws -> Rotation {
        let hash = IdempotencyKey.digest(token)
        guard let record = try refreshToken(hash: hash), record.revokedAt == nil, now < record.expiresAt else {
            return .refused
        }
        let (family, userId) = (record.family, record.userId)
        let next = IdempotencyKey.digest(successor)
        if let rotatedAt = record.rotatedAt {
            let isLate = now > rotatedAt + Self.rotationGrace
            guard !isLate, !record.isGraceUsed, let former = record.successor, try isUnused(former) else {
                try revokeFamily(family, at: now)
                return .reused(userId: userId)
            }
            try execute("UPDATE refresh_tokens SET revoked_at = ? WHERE hash = ?", now, former)
            try execute("UPDATE refresh_tokens SET grace_used = 1, successor = ? WHERE hash = ?", next, hash)
        } else {
            try execute("UPDATE refresh_tokens SET rotated_at = ?, successor = ? WHERE hash = ?", now, next, hash)
        }
        try insertRefreshToken(successor, user: userId, family: family, at: now)
        return .rotated(userId: userId)
    }

    private func isUnused(_ hash: String) throws -> Bool {
        try refreshToken(hash: hash).map { $0.rotatedAt == nil && $0.revokedAt == nil } ?? false
    }

    func revokeSessions(ofUser id: Int, at now: Instant) throws {
        try execute("UPDATE refresh_tokens SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL", now, id)
    }

    func revokeFamily(_ family: String, at now: Instant) throws {
        try execute("UPDATE refresh_tokens SET revoked_at = ? WHERE family = ? AND revoked_at IS NULL", now, family)
    }

    func family(ofRefreshToken token: String) throws -> (family: String, userId: Int)? {
        try refreshToken(hash: IdempotencyKey.digest(token)).map { ($0.family, $0.userId) }
    }
}
