public import PetProAssembly
public import PetProContracts
import PetProRuntime
public import PetProStorage
public import Rookery

/// The Booking service, as the program that runs it sees it.
public enum BookingModule: ServiceModule {
    /// Its name.
    public static let name = ServiceName.booking
    /// What it declares.
    public static let contract = BookingAPIContract.descriptor
    /// Its database, from the first version on.
    public static var migrations: [Migration] { BookingController.migrations }
    /// The services that it calls.
    public static let needs: [ServiceName] = [.vendor]

    /// Pets and bookings; it asks Vendor for each booking.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let vendors = VendorAPIClient(try resources.client(.vendor))
        let bookings = BookingController(database: resources.database, vendors: vendors)
        if resources.options.demo { try await bookings.enterDemoPets() }
        let work = PeriodicService("expired bookings", every: .seconds(30), logger: resources.logger) {
            // A full batch may have left some.
            while try await bookings.cancelExpired() == 100 {}
        }
        return Assembled(BookingAPIContract.service(bookings), work: [work])
    }
}
