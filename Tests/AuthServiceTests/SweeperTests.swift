import AuthService
import PetProContracts
import PetProStorage
import Rookery
import RookeryTesting
import Synchronization
import Testing

@Suite("The sweeper of pending accounts")
struct SweeperTests {
    /// Vendor, which knows the vendors of some users, or is out of reach.
    private static func vendors(of users: Set<Int>, isDown: Bool = false) throws -> VendorAPIClient {
        let route = Route.raw(Pattern(cmd: "get-vendor-by-user")) { value in
            if isDown { throw RemoteError.internalServerError }
            guard let id = value?["userId"]?.intValue, users.contains(id) else {
                throw RemoteError(.vendorNotFound, "This user has no vendor.")
            }
            return Vendor(
                id: 1, userId: id, businessName: "V", type: .walking, email: "v@petpro.example", timeZone: "UTC",
                currency: .eur, capacity: 1, leadTimeMinutes: 0, horizonDays: 90, status: .active, version: 1,
                services: [], hours: [])
        }
        return VendorAPIClient(try InMemoryTransport([route]).client())
    }

    @Test("takes back what never got its vendor, keeps what did, and touches nothing while Vendor cannot say")
    func sweeps() async throws {
        let now = Mutex(Instant(milliseconds: 1_800_000_000_000))
        let environment = ServiceEnvironment(now: { now.withLock { $0 } })
        let database = try Database(inMemory: AuthController.migrations)
        let auth = try await AuthController(database: database, environment: environment, passwordCost: 10)
        var ids: [Int] = []
        for name in ["left", "made"] {
            let user = try await auth.createUser(
                CreateUser(
                    email: "\(name)@petpro.example", password: "correct horse", name: name, role: .vendor,
                    registrationKey: name))
            ids.append(user.id)
        }
        func states() async throws -> [String: String] {
            try await database.read { transaction in
                try transaction.rows("SELECT name, state FROM users").reduce(into: [:]) {
                    $0[try $1.text("name")] = try $1.text("state")
                }
            }
        }
        func sweep(_ vendors: VendorAPIClient) async throws {
            try await PendingUserSweeper(database: database, vendors: vendors, environment: environment).sweep()
        }
        // A registration may still be under way.
        try await sweep(try Self.vendors(of: []))
        #expect(try await states() == ["left": "pending_vendor", "made": "pending_vendor"])
        now.withLock { $0 = $0 + PendingUserSweeper.age + .seconds(1) }
        await #expect(throws: RemoteError.self) { try await sweep(try Self.vendors(of: [], isDown: true)) }
        #expect(try await states().count == 2)
        try await sweep(try Self.vendors(of: [ids[1]]))
        #expect(try await states() == ["made": "active"])
        try await auth.shutDown()
    }
}
