import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import AuthService

@Suite("An account whose tables refuse writes")
struct FaultTests {
    private static let now = Instant(milliseconds: 1_800_000_000_000)
    private let database: Database
    private let auth: AuthController

    init() async throws {
        database = try Database.temporary(AuthController.migrations)
        auth = try await AuthController(
            database: database, signingKeys: nil, environment: ServiceEnvironment(now: { Self.now }), passwordCost: 4)
    }

    private func register(_ run: Int) async throws -> User {
        try await auth.createUser(
            CreateUser(email: "\(run)@petpro.example", password: "correct horse", name: "Maya", role: .customer))
    }

    private func signIn(_ run: Int) async throws -> TokenPair {
        try await auth.login(Login(email: "\(run)@petpro.example", password: "correct horse"))
    }

    @Test("is made whole or not at all, and then can be made")
    func made() async throws {
        var runs = 0
        let needed = try await FaultPoint.tables(
            that: { run in
                runs += 1
                _ = try await register(run)
            }, needsIn: database)
        #expect(needed == ["events", "users"])
        // What was made is taken, and what was refused is free.
        var taken = 0
        for run in 0..<runs {
            let refusal = try await refusal { try await register(run) }
            #expect(refusal == nil || refusal?.code == .emailTaken)
            if refusal != nil { taken += 1 }
        }
        #expect(taken == runs - needed.count)
    }

    @Test("keeps its session, or has a new one, whichever table refuses")
    func sessions() async throws {
        _ = try await register(0)
        var last = try await signIn(0)
        let needed = try await FaultPoint.tables(
            that: { _ in last = try await auth.refreshToken(RefreshToken(refreshToken: last.refreshToken)) },
            needsIn: database)
        #expect(needed == ["refresh_tokens"])
        // The token that was not exchanged is good.
        _ = try await auth.refreshToken(RefreshToken(refreshToken: last.refreshToken))
    }

    @Test("is erased with its sessions and its event, or not at all")
    func erased() async throws {
        var accounts: [Int] = []
        for run in 0..<40 {
            accounts.append(try await register(run).id)
            _ = try await signIn(run)
        }
        let needed = try await FaultPoint.tables(
            that: { try await auth.eraseUser(EraseUser(id: accounts[$0])) }, needsIn: database)
        #expect(needed.isSuperset(of: ["events", "users"]))
    }
}
