import PetProContracts
import Rookery

/// Decides about a registration, from the account that has its email address. It does no I/O.
enum Registration {
    /// The account that has the email address.
    struct Existing: Sendable, Hashable {
        var state: UserState
        var role: Role
        var name: String
        var key: String?
        var digest: String?
        /// When the sweeper claimed the account, or nil.
        var claimedAt: Instant?
    }

    enum Decision: Sendable, Hashable {
        /// No account has the address: create one.
        case make
        /// If the password matches, the registration is the same person's: continue with the existing account.
        case resumeIfSamePassword
        /// The key is that of the existing registration, but another part differs.
        case keyReused
        /// Another account has this address.
        case taken
        /// The sweeper has claimed the account: refuse the registration for now.
        case busy
    }

    /// How long a claim of the sweeper holds, if the sweeper does not carry it out. 60 s.
    static let claimLifetime: Duration = .seconds(60)

    static func decide(_ request: CreateUser, _ existing: Existing?, at now: Instant) -> Decision {
        guard let existing else { return .make }
        let isSame =
            existing.role == request.role && existing.name == request.name
            && existing.digest == request.registrationDigest
        let hasKey = existing.key != nil && existing.key == request.registrationKey
        if hasKey, !isSame { return .keyReused }
        switch existing.state {
        case .active:
            return hasKey ? .resumeIfSamePassword : .taken
        case .pendingVendor:
            // An attempt with the right password continues, even for another vendor. The account has no vendor yet, and
            // would otherwise block its address until the sweeper deletes it.
            guard existing.role == request.role else { return .taken }
            return isClaimed(existing.claimedAt, at: now) ? .busy : .resumeIfSamePassword
        case .disabled, .deleted:
            return .taken
        }
    }

    static func isClaimed(_ claimedAt: Instant?, at now: Instant) -> Bool {
        claimedAt.map { now < $0 + claimLifetime } ?? false
    }

    /// Returns whether an attempt may delete a pending account: it created the account, and no other attempt has
    /// continued it.
    static func mayTakeBack(_ attempt: String, state: UserState, madeBy: String?, touchedBy: String?) -> Bool {
        state == .pendingVendor && madeBy == attempt && touchedBy == attempt
    }

    /// How long an account may wait for its vendor after the last attempt that continued it. 15 minutes.
    static let patience: Duration = .seconds(15 * 60)

    /// Returns whether the sweeper may claim an account.
    static func mayClaim(state: UserState, touchedAt: Instant, claimedAt: Instant?, at now: Instant) -> Bool {
        state == .pendingVendor && touchedAt + patience <= now && !isClaimed(claimedAt, at: now)
    }
}
