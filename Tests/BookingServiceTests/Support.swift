import NIOCore
import PetProContracts
import PetProStorage
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import BookingService

let noon = Instant("2027-06-01T12:00:00Z") ?? Instant(milliseconds: 0)
func at(_ minutes: Int) -> Instant { noon + .seconds(minutes * 60) }

/// A vendor that is open from noon to 17:00, whatever the day, and can be down.
final class FakeVendors: VendorAPI {
    let availability: Mutex<VendorAvailability>
    let isDown = Mutex(false)
    let calls = Mutex(0)

    init(capacity: Int, buffer: Int = 0, lead: Int = 0) {
        availability = Mutex(
            VendorAvailability(
                vendorId: 1, date: LocalDate(daysSinceEpoch: 0), timeZone: "UTC", status: .active, open: true,
                windows: [TimeWindow(start: noon, end: at(300))], capacity: capacity, leadTimeMinutes: lead,
                services: [
                    OfferedService(
                        id: 1, vendorId: 1, name: "Bath", durationMinutes: 30,
                        price: Money(amountMinor: 4800, currency: .eur),
                        species: [.dog], bufferMinutes: buffer, active: true),
                    OfferedService(
                        id: 2, vendorId: 1, name: "Groom", durationMinutes: 60,
                        price: Money(amountMinor: 8600, currency: .eur),
                        species: [.dog, .cat], bufferMinutes: buffer, active: true),
                ], version: 1))
    }

    func getVendorAvailability(_ request: GetVendorAvailability) async throws -> VendorAvailability {
        calls.withLock { $0 += 1 }
        if isDown.withLock({ $0 }) { throw CallError(.cannotConnect, "down") }
        return availability.withLock { $0 }
    }

    private struct NotAsked: Error {}
    func createVendor(_ request: CreateVendor) async throws -> Vendor { throw NotAsked() }
    func getVendorById(_ request: GetVendorById) async throws -> Vendor { throw NotAsked() }
    func getVendorByUser(_ request: GetVendorByUser) async throws -> Vendor { throw NotAsked() }
    func listVendors(_ request: ListVendors) async throws -> VendorPage { throw NotAsked() }
    func updateVendor(_ request: UpdateVendor) async throws -> Vendor { throw NotAsked() }
    func setVendorHours(_ request: SetVendorHours) async throws -> Vendor { throw NotAsked() }
    func addService(_ request: AddService) async throws -> OfferedService { throw NotAsked() }
    func updateService(_ request: UpdateService) async throws -> OfferedService { throw NotAsked() }
    func setVendorStatus(_ request: SetVendorStatus) async throws -> Vendor { throw NotAsked() }
    func bookingCreated(_ event: EventEnvelope<BookingCreated>) async throws { throw NotAsked() }
    func bookingStatusChanged(_ event: EventEnvelope<BookingStatusChanged>) async throws { throw NotAsked() }
    func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws { throw NotAsked() }
}
