import PetProContracts
import PetProStorage
import Rookery

/// Decides about a new vendor, from what is known about its account. It does no I/O.
enum VendorRegistration {
    /// The vendor that the account has.
    struct Existing: Sendable, Hashable {
        /// The digest of the registration that created the vendor. Nil for vendors older than this field.
        var digest: String?
        var businessName: String
    }

    enum Decision: Sendable, Hashable {
        case make
        /// The same registration has already created the vendor.
        case same
        /// The account has another vendor.
        case exists
        /// The account was deleted. A vendor must not exist without an account.
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
