import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import AuthService

@Suite("The sweeper of pending accounts")
struct SweeperTests {
    private let time = SettableTime()
    private let database: Database

    init() throws { database = try Database.temporary(AuthController.migrations) }

    /// Vendor, which knows the vendors of some users, and cannot say of others.
    private static func vendors(
        of users: Set<Int>, unsure: Set<Int> = [], asked: @escaping @Sendable (Int) async throws -> Void = { _ in }
    ) throws -> VendorAPIClient {
        let route = Route.raw(Pattern(cmd: "get-vendor-by-user")) { value in
            guard let id = value?["userId"]?.intValue else { throw RemoteError.internalServerError }
            try await asked(id)
            if unsure.contains(id) { throw RemoteError.internalServerError }
            guard users.contains(id) else { throw RemoteError(.vendorNotFound, "This user has no vendor.") }
            return Vendor(
                id: 1, userId: id, businessName: "V", type: .walking, timeZone: "UTC", currency: .eur, capacity: 1,
                leadTimeMinutes: 0, horizonDays: 90, status: .active, version: 1, services: [], hours: [])
        }
        return VendorAPIClient(try InMemoryTransport([route]).client())
    }

    private var environment: ServiceEnvironment {
        let time = self.time
        return ServiceEnvironment(now: { time.now })
    }

    private func register(_ names: [String]) async throws -> [Int] {
        let auth = try await AuthController(
            database: database, signingKeys: nil, environment: environment, passwordCost: 4)
        var ids: [Int] = []
        for name in names {
            let user = try await auth.createUser(
                CreateUser(
                    email: "\(name)@petpro.example", password: "correct horse", name: name, role: .vendor,
                    registrationKey: name, attempt: name))
            ids.append(user.id)
        }
        return ids
    }

    private func states() async throws -> [String: String] {
        try await database.read { transaction in
            try transaction.rows("SELECT id FROM users") { try $0.int() }.reduce(into: [:]) {
                if let user = try transaction.user(id: $1)?.user { $0[user.name] = user.state.rawValue }
            }
        }
    }

    private func sweep(_ vendors: VendorAPIClient) async throws {
        try await PendingUserSweeper(database: database, vendors: vendors, environment: environment).sweep()
    }

    @Test("takes back what never got its vendor, keeps what did, and what Vendor cannot say anything of")
    func sweeps() async throws {
        let ids = try await register(["unsure", "left", "made"])
        // A registration may still be under way.
        try await sweep(try Self.vendors(of: []))
        #expect(try await states().count == 3)
        time.pass(Registration.patience)
        // The first one fails, and the others are settled all the same.
        try await sweep(try Self.vendors(of: [ids[2]], unsure: [ids[0]]))
        #expect(try await states() == ["unsure": "pending_vendor", "made": "active"])
        let published = try await database.read { transaction in
            try transaction.rows("SELECT type, aggregate FROM events WHERE type = 'user.deleted'") {
                "\(try $0.text()) \(try $0.text())"
            }
        }
        #expect(published == ["user.deleted user-\(ids[1])"])
    }

    @Test("leaves an account alone that an attempt went on with while Vendor was asked")
    func resumedMeanwhile() async throws {
        let ids = try await register(["slow"])
        time.pass(Registration.patience)
        let database = self.database
        let later = time.now + Registration.claimLifetime
        let vendors = try Self.vendors(of: []) { id in
            // The claim has stood for too long, so the attempt went on.
            try await database.write { transaction in
                try transaction.touch(
                    id,
                    by: CreateUser(
                        email: "slow@petpro.example", password: "correct horse", name: "slow", role: .vendor),
                    at: later)
            }
        }
        try await sweep(vendors)
        #expect(try await states() == ["slow": "pending_vendor"] && ids.count == 1)
    }

    @Test("keeps an attempt from going on while it asks Vendor")
    func claimed() async throws {
        _ = try await register(["claimed"])
        time.pass(Registration.patience)
        let auth = try await AuthController(
            database: database, signingKeys: nil, environment: environment, passwordCost: 4)
        let answers = Answers()
        let vendors = try Self.vendors(of: []) { _ in
            let error = try await refusal {
                try await auth.createUser(
                    CreateUser(
                        email: "claimed@petpro.example", password: "correct horse", name: "claimed", role: .vendor,
                        registrationKey: "claimed", attempt: "again"))
            }
            answers.codes.withLock { $0.append(error?.code) }
        }
        try await sweep(vendors)
        #expect(answers.codes.withLock { $0 } == [.overloaded])
        #expect(try await states().isEmpty)
    }

    private final class Answers: Sendable {
        let codes = Mutex<[RemoteError.Code?]>([])
    }
}
