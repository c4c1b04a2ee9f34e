import Foundation
import PetProContracts
import PetProStorage
import Rookery

/// Refresh tokens are kept as digests: reading the database gives nobody a session.
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
        guard let row = try row("SELECT * FROM refresh_tokens WHERE hash = ?", hash) else { return .refused }
        let (family, userId) = (try row.text("family"), try row.int("user_id"))
        guard try row.optionalInt("revoked_at") == nil, now < (try row.instant("expires_at")) else { return .refused }
        let next = IdempotencyKey.digest(successor)
        if let rotatedAt = try row.optionalInt("rotated_at") {
            let isLate = now > Instant(milliseconds: Int64(rotatedAt)) + Self.rotationGrace
            let former = try row.optionalText("successor")
            guard !isLate, try !row.bool("grace_used"), let former, try isUnused(former) else {
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
        let row = try row("SELECT rotated_at, revoked_at FROM refresh_tokens WHERE hash = ?", hash)
        return try row.map { try $0.optionalInt("rotated_at") == nil && $0.optionalInt("revoked_at") == nil } ?? false
    }

    func revokeFamily(_ family: String, at now: Instant) throws {
        try execute("UPDATE refresh_tokens SET revoked_at = ? WHERE family = ? AND revoked_at IS NULL", now, family)
    }

    func family(ofRefreshToken token: String) throws -> (family: String, userId: Int)? {
        try row("SELECT family, user_id FROM refresh_tokens WHERE hash = ?", IdempotencyKey.digest(token)).map {
            (try $0.text("family"), try $0.int("user_id"))
        }
    }
}
