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
        /// A new one may be issued, in this family.
        case rotated(userId: Int, family: String)
        /// It is not, or no longer, good. If it had been used before, its whole family is revoked now: one of its two
        /// users is a thief.
        case refused
    }

    func rotateRefreshToken(_ token: String, at now: Instant) throws -> Rotation {
        let hash = IdempotencyKey.digest(token)
        guard let row = try row("SELECT * FROM refresh_tokens WHERE hash = ?", hash) else { return .refused }
        let family = try row.text("family")
        guard try row.optionalInt("revoked_at") == nil, now < (try row.instant("expires_at")) else { return .refused }
        if let rotatedAt = try row.optionalInt("rotated_at") {
            if now > Instant(milliseconds: Int64(rotatedAt)) + Self.rotationGrace {
                try revokeFamily(family, at: now)
                return .refused
            }
        } else {
            try execute("UPDATE refresh_tokens SET rotated_at = ? WHERE hash = ?", now, hash)
        }
        return .rotated(userId: try row.int("user_id"), family: family)
    }

    func revokeFamily(_ family: String, at now: Instant) throws {
        try execute("UPDATE refresh_tokens SET revoked_at = ? WHERE family = ? AND revoked_at IS NULL", now, family)
    }

    func family(ofRefreshToken token: String) throws -> String? {
        try row("SELECT family FROM refresh_tokens WHERE hash = ?", IdempotencyKey.digest(token))?.text("family")
    }
}
