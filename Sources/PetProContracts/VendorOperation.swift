public import Rookery

/// The operations on a vendor that its status allows or forbids.
public enum VendorOperation: String, Sendable, CaseIterable {
    /// Any client may see it. Owner and admins always do.
    case show
    /// Accept new bookings.
    case takeBookings
    /// Confirm a booking, or start it.
    case confirmBookings
    /// Complete or cancel a booking, or note that the customer did not come.
    case concludeBookings
    /// Offer products, and reserve them.
    case sell
    /// Correct the stock of products.
    case keepStock
    /// Change details, opening hours and services.
    case edit
}

extension VendorStatus {
    /// Returns whether a vendor in this state allows an operation, whichever account performs it.
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
        // The vendor is hidden, but its owner can prepare it for the time after the approval.
        case .pendingApproval: operation == .edit
        case .rejected: false
        }
    }

    /// Throws `VENDOR_NOT_ACTIVE` with the status in its details, unless the status allows the operation.
    public func require(_ operation: VendorOperation) throws(RemoteError) {
        guard !allows(operation) else { return }
        throw RemoteError(
            .vendorNotActive, "The vendor is \(rawValue), which does not allow this.",
            details: ["status": .string(rawValue)])
    }
}
