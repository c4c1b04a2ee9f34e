import PetProContracts
import PetProStorage
import Rookery

/// What becomes of a wish for a vendor: pure, from what is known of its account.
enum VendorRegistration {
    /// The vendor that the account has.
    struct Existing: Sendable, Hashable {
        /// Of the registration that made it; nil for vendors from before it was kept.
        var digest: String?
        var businessName: String
    }

    enum Decision: Sendable, Hashable {
        case make
        /// It is there already, by the same registration.
        case same
        /// The account has another vendor.
        case exists
        /// The account was taken back: a vendor without an account must not come to be.
        case accountGone
    }

    static func decide(_ request: CreateVendor, _ existing: Existing?, isGone: Bool) -> Decision {
        if isGone { return .accountGone }
        guard let existing else { return .make }
        let isSame =
            existing.digest.map { $0 == digest(request) } ?? (existing.businessName == request.businessName)
        return isSame ? .same : .exists
    }

    static func digest(_ request: CreateVendor) -> String { IdempotencyKey.digest(request.json) }
}
