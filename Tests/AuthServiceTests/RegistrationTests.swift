import PetProContracts
import Rookery
import Testing

@testable import AuthService

private let now = Instant(milliseconds: 1_800_000_000_000)

@Suite("What becomes of a registration")
struct RegistrationTests {
    private static func existing(
        _ state: UserState, role: Role = .vendor, key: String? = "k", digest: String = "d", claimed: Instant? = nil
    ) -> Registration.Existing {
        Registration.Existing(state: state, role: role, name: "N", key: key, digest: digest, claimedAt: claimed)
    }

    private static func request(key: String? = "k", digest: String = "d") -> CreateUser {
        CreateUser(
            email: "a@b.cz", password: "correct horse", name: "N", role: .vendor, registrationKey: key,
            registrationDigest: digest, attempt: "a")
    }

    /// Each row of the table: what there is, what is asked for, what comes of it.
    private static let table: [(Registration.Existing?, CreateUser, Registration.Decision)] = [
        (nil, request(), .make),
        (existing(.pendingVendor), request(), .resumeIfSamePassword),
        (existing(.pendingVendor), request(digest: "other"), .keyReused),
        (existing(.pendingVendor), request(key: nil), .resumeIfSamePassword),
        (existing(.pendingVendor), request(key: "other", digest: "other"), .resumeIfSamePassword),
        (existing(.pendingVendor, role: .customer), request(key: nil), .taken),
        (existing(.pendingVendor, claimed: now - .seconds(59)), request(), .busy),
        (existing(.pendingVendor, claimed: now - .seconds(60)), request(), .resumeIfSamePassword),
        (existing(.active), request(), .resumeIfSamePassword),
        (existing(.active), request(digest: "other"), .keyReused),
        (existing(.active), request(key: nil), .taken),
        (existing(.active, key: nil), request(key: nil), .taken),
        (existing(.disabled), request(), .taken),
        (existing(.deleted), request(), .taken),
    ]

    @Test("is decided by what is known of its address", arguments: table.indices)
    func decisions(_ row: Int) {
        let (existing, request, expected) = Self.table[row]
        #expect(Registration.decide(request, existing, at: now) == expected)
    }

    @Test("waits 15 minutes for its vendor, since an attempt last went on with it")
    func patience() {
        let touched = now - Registration.patience
        #expect(Registration.mayClaim(state: .pendingVendor, touchedAt: touched, claimedAt: nil, at: now))
        let later = touched + .milliseconds(1)
        #expect(!Registration.mayClaim(state: .pendingVendor, touchedAt: later, claimedAt: nil, at: now))
        #expect(!Registration.mayClaim(state: .active, touchedAt: touched, claimedAt: nil, at: now))
        #expect(!Registration.mayClaim(state: .pendingVendor, touchedAt: touched, claimedAt: now, at: now))
    }
}
