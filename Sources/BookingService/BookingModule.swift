public import PetProAssembly
public import PetProContracts
import PetProRuntime
public import PetProStorage
public import Rookery

/// The module of the Booking service, from which a program assembles its instances.
public enum BookingModule: ServiceModule {
    /// The name of the service.
    public static let name = ServiceName.booking
    /// The contract of the service.
    public static let contract = BookingAPIContract.descriptor
    /// The migrations of the service's database, oldest first.
    public static var migrations: [Migration] { BookingController.migrations }
    /// The services that this service calls.
    public static let needs: [ServiceName] = [.vendor]

    /// The tables with personal data.
    public static let sealedTables: [SealedTable] = [BookingSchema.pets, BookingSchema.bookings]

    /// What people wrote about a booking goes two years after the booking's end. The booking stays.
    public static let retention = [
        RetentionRule(
            "notes of old bookings", table: "bookings", key: "id",
            where: "(notes IS NOT NULL OR cancel_reason IS NOT NULL) AND end_at <= ?", age: .seconds(730 * 24 * 3600),
            clearing: ["notes", "cancel_reason"])
    ]

    /// Erases a person's rows.
    public static func erase(_ subject: Int, in transaction: Transaction, at now: Instant) throws {
        try transaction.erasePerson(subject)
    }

    /// Assembles an instance, which calls Vendor for each booking. In the background, it cancels expired bookings every
    /// 30 s.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let vendors = VendorAPIClient(try resources.client(.vendor))
        let bookings = BookingController(database: resources.database, vendors: vendors)
        if resources.options.demo { try await bookings.enterDemoPets() }
        let work = PeriodicService(
            "expired bookings", every: .seconds(30), logger: resources.logger, when: { resources.lease.isHeld }
        ) {
            // After a full batch, more may be left.
            while try await bookings.cancelExpired() == 100 {}
        }
        return Assembled(BookingAPIContract.service(bookings), work: [work])
    }
}
