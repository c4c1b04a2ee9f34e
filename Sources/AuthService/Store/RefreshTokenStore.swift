import PetProContracts
import PetProStorage
import Rookery

/// Refresh tokens are kept as digests: reading the database gives no session.
extension Transaction {
    /// 14 days.
    static let refreshLifetime: Duration = .seconds(14 * 24 * 3600)
    /// How long a token that was just used is good for once more: the reply with its successor may have been lost.
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

    /// What became of a refresh token that was presented.
    enum Rotation {
        /// Its successor has been entered, in the same family.
        case rotated(userId: Int)
        /// It is not, or no longer, good.
        case refused
        /// It had been used before: one of its two users is a thief, and its whole family is revoked now.
        case reused(userId: Int)
    }

    /// Trades a token for its successor. One that was used within the last seconds is traded once more if its successor
    /// was never used, which is revoked then: of a family one token is good at any time.
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

    func revokeFamily(_ family: String, at now: Instant) throws {
        try execute("UPDATE refresh_tokens SET revoked_at = ? WHERE family = ? AND revoked_at IS NULL", now, family)
    }

    func family(ofRefreshToken token: String) throws -> (family: String, userId: Int)? {
        try refreshToken(hash: IdempotencyKey.digest(token)).map { ($0.family, $0.userId) }
    }
}
