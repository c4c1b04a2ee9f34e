import PetProContracts
import Rookery

/// What becomes of a wish to register: pure, from what is known of the email address.
enum Registration {
    /// The account that has the email address.
    struct Existing: Sendable, Hashable {
        var state: UserState
        var role: Role
        var name: String
        var key: String?
        var digest: String?
        /// The sweeper is about to take it back, since then.
        var claimedAt: Instant?
    }

    enum Decision: Sendable, Hashable {
        /// There is no such account: make one.
        case make
        /// It is the same person's registration, if the password is the same: go on with its account.
        case resumeIfSamePassword
        /// It was the same registration by its key, and something else in it differs.
        case keyReused
        /// Another account has this address.
        case taken
        /// The account is being taken back: come again.
        case busy
    }

    /// How long a claim of the sweeper holds: one that was not carried out is no obstacle any more after that time.
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
            // Who knows its password goes on with it, with another vendor if need be: it has none yet, and would otherwise
            // be in the way until it has been taken back.
            guard existing.role == request.role else { return .taken }
            return isClaimed(existing.claimedAt, at: now) ? .busy : .resumeIfSamePassword
        case .disabled, .deleted:
            return .taken
        }
    }

    static func isClaimed(_ claimedAt: Instant?, at now: Instant) -> Bool {
        claimedAt.map { now < $0 + claimLifetime } ?? false
    }

    /// Whether an attempt may take an account back: it made it, and no other attempt has gone on with it.
    static func mayTakeBack(_ attempt: String, state: UserState, madeBy: String?, touchedBy: String?) -> Bool {
        state == .pendingVendor && madeBy == attempt && touchedBy == attempt
    }

    /// How long an account may wait for its vendor, since an attempt last went on with it.
    static let patience: Duration = .seconds(15 * 60)

    /// Whether the sweeper may claim an account.
    static func mayClaim(state: UserState, touchedAt: Instant, claimedAt: Instant?, at now: Instant) -> Bool {
        state == .pendingVendor && touchedAt + patience <= now && !isClaimed(claimedAt, at: now)
    }
}
