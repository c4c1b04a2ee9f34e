import Foundation
import PetProContracts
import PetProRuntime
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import BookingService
@testable import PetProStorage

/// Needs a server: `./dev test` starts one.
@Suite("A move from files to PostgreSQL", .enabled(if: Database.testServer != nil, "needs a server in TEST_POSTGRES"))
struct MoveTests {
    private let folder = NSTemporaryDirectory() + "petpro-move-" + UUID().uuidString
    private let protection = Protection(service: "booking")
    private var path: String { folder + "/booking.sqlite" }

    private func target() throws -> PostgresTarget {
        let schema = "m" + UUID().uuidString.lowercased().replacing("-", with: "")
        return PostgresTarget(url: try #require(Database.testServer), schema: schema)
    }

    private func controller(_ database: Database) -> BookingController {
        BookingController(
            database: database, vendors: FakeVendors(capacity: 9),
            environment: ServiceEnvironment(now: { at(-600) }))
    }

    private func book(_ bookings: BookingController, _ pet: Int, _ minutes: Int) async throws -> Booking {
        try await bookings.createBooking(
            CreateBooking(
                customerId: 5, vendorId: 1, serviceId: 1, petId: pet, start: at(minutes),
                notes: "canary 🐕 \(minutes)", idempotencyKey: "move-\(minutes)"))
    }

    /// Makes a database with three bookings, one of them cancelled, and the last pet deleted.
    private func fill() async throws -> [Booking] {
        try PrivateFiles.prepare(folder: folder)
        let database = try Database(
            path: path, migrations: BookingController.migrations, protection: protection)
        defer { try? database.close() }
        let bookings = controller(database)
        let pet = try await bookings.createPet(CreatePet(ownerId: 5, name: "Bello", species: .dog, notes: "bites")).id
        let last = try await bookings.createPet(CreatePet(ownerId: 5, name: "Rex", species: .dog)).id
        var made: [Booking] = []
        for minutes in [0, 30, 60] { made.append(try await book(bookings, pet, minutes)) }
        made[1] = try await bookings.updateBookingStatus(
            UpdateBookingStatus(id: made[1].id, to: .cancelled, actor: .customer, reason: "canary"))
        try await database.write { try $0.execute("DELETE FROM pets WHERE id = ?", last) }
        return made
    }

    private func move(to target: PostgresTarget) async throws -> [String: Int] {
        let hold = try DatabaseMove.hold(path, BookingController.migrations)
        defer { hold.release() }
        return try await DatabaseMove.copy(path, to: target, BookingController.migrations)
    }

    @Test("keeps an instance from starting on the files meanwhile, and needs the key store of the database")
    func holds() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try await fill()
        let hold = try DatabaseMove.hold(path, BookingController.migrations)
        // An instance that starts now has to wait, and gives up.
        #expect(throws: (any Error).self) {
            try Database(path: path, migrations: BookingController.migrations, protection: protection)
        }
        hold.release()
        let other = try Database(path: path, migrations: BookingController.migrations, protection: protection)
        try await other.write { try $0.execute("DELETE FROM pets WHERE id = 0") }
        try other.close()
        let keys = Database.keyStorePath(of: path)
        try FileManager.default.moveItem(atPath: keys, toPath: keys + ".away")
        #expect(throws: DatabaseMove.Differs.self) { try DatabaseMove.hold(path, BookingController.migrations) }
        // That of another database does not do.
        try Database(path: folder + "/other.sqlite", migrations: [], protection: Protection(service: "other")).close()
        try FileManager.default.copyItem(atPath: folder + "/other.keys.sqlite", toPath: keys)
        #expect(throws: DatabaseMove.Differs.self) { try DatabaseMove.hold(path, BookingController.migrations) }
    }

    @Test("takes along every row, its personal data, its keys of requests, its events, and how ids are counted")
    func moves() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try await fill()
        let target = try target()
        let counts = try await move(to: target)
        #expect(counts["bookings"] == 3 && counts["pets"] == 1 && counts["events"] == 4 && counts["data_keys"] == 1)
        let database = try Database(target, migrations: BookingController.migrations, protection: protection)
        let bookings = controller(database)
        let listed = try await bookings.listBookings(ListBookings(customerId: 5)).items
        #expect(listed == made.reversed())
        let pets = try await bookings.listPets(ListPets(ownerId: 5)).items
        #expect(pets.map(\.notes) == ["bites"])
        // A request that comes again is known, and new ids are not those of what was deleted.
        #expect(try await book(bookings, pets[0].id, 60) == made[2])
        #expect(try await book(bookings, pets[0].id, 90).id == made[2].id + 1)
        #expect(try await bookings.createPet(CreatePet(ownerId: 5, name: "Ada", species: .dog)).id == pets[0].id + 2)
        let events = try await database.read { transaction in
            try transaction.rows("SELECT position, aggregate, version FROM events ORDER BY position") {
                "\(try $0.int()) \(try $0.text()) \(try $0.int())"
            }
        }
        let (first, second) = (made[0].id, made[1].id)
        #expect(
            events.prefix(4) == [
                "1 booking-\(first) 1", "2 booking-\(second) 1", "3 booking-\(made[2].id) 1", "4 booking-\(second) 2",
            ])
        #expect(events.dropFirst(4).first?.hasPrefix("5 ") == true)
        let stored = try await database.read { transaction in
            try ["bookings", "pets", "idempotency", "events"].map { "\(try transaction.table("SELECT * FROM \($0)"))" }
        }
        #expect(!stored.joined().contains("canary") && !stored.joined().contains("bites"))
        try database.close()
    }

    @Test("overwrites nothing, and leaves nothing when it fails")
    func refuses() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try await fill()
        let target = try target()
        // A column that the schema does not have.
        let other = try Database(path: path, migrations: BookingController.migrations)
        try await other.write { try $0.execute("ALTER TABLE events ADD COLUMN unknown TEXT") }
        try other.close()
        let error = await #expect(throws: DatabaseMove.Differs.self) {
            try await move(to: target)
        }
        #expect(error?.description.hasSuffix("events has no unknown") == true)
        try DatabaseMove.requireEmpty(target)
        let again = try Database(path: path, migrations: BookingController.migrations)
        try await again.write { try $0.execute("ALTER TABLE events DROP COLUMN unknown") }
        try again.close()
        _ = try await move(to: target)
        await #expect(throws: DatabaseMove.NotEmpty.self) {
            try await move(to: target)
        }
        let database = try Database(inspecting: target)
        #expect(try await database.read { try $0.row("SELECT COUNT(*) FROM bookings") { try $0.int() } } == 3)
        try database.close()
    }
}
