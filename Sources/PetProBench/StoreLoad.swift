import BookingService
import Foundation
import NIOCore
import PetProContracts
import PetProStorage
import PetProTesting
import Rookery
import Synchronization

/// A count that tasks share.
private final class Count: Sendable {
    private let value = Atomic(0)

    /// Adds to the count, and returns what it was before.
    @discardableResult
    func add(_ more: Int) -> Int { value.wrappingAdd(more, ordering: .relaxed).oldValue }
}

/// Bookings at the store: Booking's own code over its database, called in the same process. Vendor is replaced by one that is
/// always open.
struct StoreLoad {
    private let place: DatabasePlace
    private let protection = Protection(service: "booking")

    /// Makes the database.
    init(_ place: DatabasePlace) { self.place = place }

    /// The bookings of one pet. No customer may have more than ``PetProContracts/Holdings/openBookings``.
    private static let perPet = 50

    /// Books with `callers` callers at once, shared among `instances`, and returns the bookings per second.
    ///
    /// Each caller books the hours of one pet after another. What is refused as `OVERLOADED` does not count. Throws the error of the engine, and what refuses a booking.
    func rate(instances: Int, callers: Int, seconds: Double) async throws -> Double {
        let databases = try (0..<instances).map { _ in try place.open(BookingController.migrations, protection) }
        defer { for database in databases { try? database.close() } }
        let controllers = databases.map { BookingController(database: $0, vendors: Self.vendors) }
        let booked = Count()
        let clock = ContinuousClock()
        // The pets are made before, because each makes the data key of a person.
        let pets = Int(seconds * 6000) / Self.perPet + callers
        let owners = try await Self.pets(pets, controllers[0])
        let next = Count()
        let began = clock.now
        let end = began + .seconds(seconds)
        try await withThrowingDiscardingTaskGroup { group in
            for caller in 0..<callers {
                let controller = controllers[caller % instances]
                group.addTask {
                    while clock.now < end {
                        let at = next.add(1)
                        // Whoever has used up all pets would measure refusals.
                        guard at < owners.count else { throw HTTP.Unexpected("\(pets) pets are too few") }
                        for hour in 0..<Self.perPet where clock.now < end {
                            let request = CreateBooking(
                                customerId: owners[at].ownerId, vendorId: owners[at].ownerId, serviceId: 1,
                                petId: owners[at].id, start: Self.opening + .seconds(3600 * hour), notes: nil,
                                expectedPrice: nil, idempotencyKey: "\(at)-\(hour)")
                            do {
                                _ = try await controller.createBooking(request)
                            } catch let error as RemoteError where error.code == .overloaded {
                                // Another instance had the database for as long as a write waits. A client comes again.
                                continue
                            }
                            booked.add(1)
                        }
                    }
                }
            }
        }
        return Double(booked.add(0)) / (began.duration(to: clock.now) / .seconds(1))
    }

    /// Owners that no earlier measurement has used.
    private static let lastOwner = Count()

    private static func pets(_ count: Int, _ controller: BookingController) async throws -> [Pet] {
        let first = lastOwner.add(count) + 1
        return try await withThrowingTaskGroup(of: [Pet].self) { group in
            for part in 0..<16 {
                group.addTask {
                    var pets: [Pet] = []
                    for owner in stride(from: first + part, to: first + count, by: 16) {
                        pets.append(
                            try await controller.createPet(
                                CreatePet(
                                    ownerId: owner, name: "Bello", species: .dog, breed: nil, birthDate: nil, notes: nil
                                )))
                    }
                    return pets
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static let opening = Instant(
        milliseconds: (Int64(Date().timeIntervalSince1970) / 86_400 + 2) * 86_400_000)

    private static let vendors: VendorAPIStub = {
        var stub = VendorAPIStub()
        let availability = VendorAvailability(
            vendorId: 1, date: LocalDate(daysSinceEpoch: 0), timeZone: "UTC", status: .active, open: true,
            windows: [TimeWindow(start: opening, end: opening + .seconds(3600 * (perPet + 1)))], capacity: 1,
            leadTimeMinutes: 0,
            services: [
                OfferedService(
                    id: 1, vendorId: 1, name: "Bath", durationMinutes: 60,
                    price: Money(amountMinor: 4800, currency: .eur), species: [.dog], bufferMinutes: 0, active: true)
            ], version: 1)
        stub.getVendorAvailabilityHandler = { request in
            var availability = availability
            availability.vendorId = request.vendorId
            return availability
        }
        return stub
    }()
}
