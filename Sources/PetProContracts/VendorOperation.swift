public import Rookery

/// What may be done with a vendor, as far as its status decides.
public enum VendorOperation: String, Sendable, CaseIterable {
    /// Any client may see it. Owner and admins always do.
    case show
    /// New bookings.
    case takeBookings
    /// Confirm a booking, or start it.
    case confirmBookings
    /// Complete or cancel a booking, or note that the customer did not come.
    case concludeBookings
    /// Offer products, and reserve them.
    case sell
    /// Correct what is on the shelf.
    case keepStock
    /// Change particulars, opening hours and services.
    case edit
}

extension VendorStatus {
    /// Whether a vendor in this state allows an operation, for any account that asks for it.
    public func allows(_ operation: VendorOperation) -> Bool {
        switch self {
        case .active: true
        case .suspended:
            switch operation {
            case .show, .concludeBookings, .keepStock, .edit: true
            case .takeBookings, .confirmBookings, .sell: false
            }
        case .inactive:
            switch operation {
            case .show, .concludeBookings: true
            case .takeBookings, .confirmBookings, .sell, .keepStock, .edit: false
            }
        // Hidden; what it will need once it is approved can be prepared.
        case .pendingApproval: operation == .edit
        case .rejected: false
        }
    }

    /// Throws `VENDOR_NOT_ACTIVE`, which names the state, unless it allows the operation.
    public func require(_ operation: VendorOperation) throws(RemoteError) {
        guard !allows(operation) else { return }
        throw RemoteError(
            .vendorNotActive, "The vendor is \(rawValue), which does not allow this.",
            details: ["status": .string(rawValue)])
    }
}
