import PetProContracts
import Rookery

// HTTP responses that differ from the services' own messages.

/// A vendor, without its account.
@Message
struct VendorView {
    var id: Int
    @PII(.name) var businessName: String
    var type: VendorType
    @PII(.email) var email: String?
    @PII(.phone) var phone: String?
    @PII(.address) var address: String?
    var timeZone: String
    var currency: Currency
    var capacity: Int
    var leadTimeMinutes: Int
    var horizonDays: Int
    var status: VendorStatus
    var version: Int
    var services: [OfferedService]
    var hours: [OpeningHours]
    /// By date. Only owner and admins see the notes.
    var specialDays: [SpecialDay]?

    /// Makes the view of a vendor. `isOwn` includes services that are no longer offered, and notes, for owner and admins.
    init(_ vendor: Vendor, isOwn: Bool = false) {
        let days = vendor.specialDays?.map { day in
            var shown = day
            if !isOwn { shown.note = nil }
            return shown
        }
        self.init(
            id: vendor.id, businessName: vendor.businessName, type: vendor.type, email: vendor.email,
            phone: vendor.phone, address: vendor.address, timeZone: vendor.timeZone, currency: vendor.currency,
            capacity: vendor.capacity, leadTimeMinutes: vendor.leadTimeMinutes, horizonDays: vendor.horizonDays,
            status: vendor.status, version: vendor.version,
            services: isOwn ? vendor.services : vendor.services.filter(\.active), hours: vendor.hours,
            specialDays: days)
    }
}

@Message
struct ProductAvailability {
    var product: Product
    var available: Bool
    /// Why the product is not available: `out_of_stock`, `untracked`, `vendor_not_active` or `vendor_not_found`.
    var reason: String?
    var quantityAvailable: Int
    var status: StockStatus
    var vendor: VendorSummary?
    var asOf: Instant?
    var version: Int?
}

@Message
struct VendorSummary {
    var id: Int
    @PII(.name) var businessName: String
    var status: VendorStatus
}

/// The response of `GET /health/live` and `GET /health/ready`.
@Message
struct HealthView {
    /// `live` or `ready`.
    var status: String
}

/// The health of each service.
@Message
struct OperationsView {
    /// Always `ready`; otherwise the response is a problem.
    var status: String
    var services: [String: JSONValue]
}

/// All data of an account, from all services.
@Message
struct AccountExport {
    /// What is in the export.
    var manifest: [ExportPart]
    var account: User
    var pets: [Pet]
    var bookings: [Booking]
    /// The vendor of the account. Nil without one.
    var vendor: Vendor?
}

/// A category of data in an export.
@Message
struct ExportPart {
    /// The member of the export that has the data.
    var category: String
    /// The service that keeps it.
    var service: String
    var count: Int
}
