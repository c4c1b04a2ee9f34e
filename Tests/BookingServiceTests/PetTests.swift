import NIOCore
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import BookingService

@Suite("A pet")
struct PetTests {
    private let time = SettableTime(noon)
    private let bookings: BookingController

    init() throws {
        let time = self.time
        bookings = BookingController(
            database: try Database.temporary(BookingController.migrations), vendors: FakeVendors(capacity: 1),
            environment: ServiceEnvironment(now: { time.now }))
    }

    @Test("is born by today, wherever that is the latest, and not before 1900")
    func birthDate() async throws {
        func born(_ date: String) async throws -> Pet {
            try await bookings.createPet(CreatePet(ownerId: 5, name: "B", species: .dog, birthDate: LocalDate(date)))
        }
        // It is 2027-06-01 noon in UTC, and 02:00 of the next day in Kiritimati.
        _ = try await born("2027-06-02")
        let error = try await refusal { try await born("2027-06-03") }
        #expect(error?.code == .invalidPayload && error?.details?.arrayValue?[0]["path"] == "birthDate")
        for date in ["0000-01-01", "1899-12-31"] {
            let json = "{\"ownerId\":5,\"name\":\"B\",\"species\":\"dog\",\"birthDate\":\"\(date)\"}"
            #expect(throws: InvalidPayload.self) { try CreatePet.decode(json: json) }
        }
    }

    @Test("is one of at most 50 of its owner's, listed page by page")
    func caps() async throws {
        for number in 0..<Holdings.pets {
            _ = try await bookings.createPet(CreatePet(ownerId: 5, name: "Pet \(number)", species: .cat))
        }
        let error = try await refusal {
            try await bookings.createPet(CreatePet(ownerId: 5, name: "One more", species: .cat))
        }
        #expect(error?.code == .limitReached && error?.details?["limit"] == 50)
        _ = try await bookings.createPet(CreatePet(ownerId: 6, name: "Another's", species: .cat))
        let first = try await bookings.listPets(ListPets(ownerId: 5, limit: 30))
        let rest = try await bookings.listPets(ListPets(ownerId: 5, limit: 30, after: first.next))
        #expect(first.items.count == 30 && rest.items.count == 20 && rest.next == nil)
        #expect((first.items + rest.items).map(\.name) == (0..<50).map { "Pet \($0)" })
    }
}
