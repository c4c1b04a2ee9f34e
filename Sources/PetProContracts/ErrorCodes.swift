public import Rookery

/// The error codes of PetPro's services.
extension RemoteError.Code {
    /// The gateway ends a stream with it, when the browser does not read fast enough.
    public static let slowConsumer: Self = "SLOW_CONSUMER"

    public static let emailTaken: Self = "EMAIL_TAKEN"
    public static let keyReused: Self = "KEY_REUSED"
    public static let userNotPending: Self = "USER_NOT_PENDING"
    public static let badCredentials: Self = "BAD_CREDENTIALS"
    public static let accountDisabled: Self = "ACCOUNT_DISABLED"
    /// A legal hold forbids to erase the account.
    public static let accountHeld: Self = "ACCOUNT_HELD"
    public static let tokenRevoked: Self = "TOKEN_REVOKED"
    public static let userNotFound: Self = "USER_NOT_FOUND"

    public static let vendorExists: Self = "VENDOR_EXISTS"
    public static let vendorNotFound: Self = "VENDOR_NOT_FOUND"
    public static let invalidTransition: Self = "INVALID_TRANSITION"
    public static let staleVersion: Self = "STALE_VERSION"
    public static let vendorNotActive: Self = "VENDOR_NOT_ACTIVE"
    public static let limitReached: Self = "LIMIT_REACHED"

    public static let bookingNotFound: Self = "BOOKING_NOT_FOUND"
    public static let vendorUnavailable: Self = "VENDOR_UNAVAILABLE"
    public static let petBusy: Self = "PET_BUSY"
    public static let petNotFound: Self = "PET_NOT_FOUND"
    public static let serviceNotFound: Self = "SERVICE_NOT_FOUND"
    public static let speciesNotServed: Self = "SPECIES_NOT_SERVED"
    public static let priceChanged: Self = "PRICE_CHANGED"
    public static let startInPast: Self = "START_IN_PAST"
    public static let forbidden: Self = "FORBIDDEN"
    public static let cancellationNotAllowed: Self = "CANCELLATION_NOT_ALLOWED"

    public static let productNotFound: Self = "PRODUCT_NOT_FOUND"
    public static let skuTaken: Self = "SKU_TAKEN"
    public static let belowReserved: Self = "BELOW_RESERVED"
    public static let insufficientStock: Self = "INSUFFICIENT_STOCK"
    public static let reservationNotFound: Self = "RESERVATION_NOT_FOUND"
    public static let reservationExpired: Self = "RESERVATION_EXPIRED"
}
