import PetProContracts
import PetProStorage
import Rookery
import Synchronization
import Testing

@testable import AuthService

private let start = Instant(milliseconds: 1_800_000_000_000)

@Suite("A password")
struct PasswordTests {
    @Test("is kept as scrypt of RFC 7914 says")
    func vector() throws {
        // RFC 7914, section 12: N = 1024 (2^10), r = 8, p = 16, "password", "NaCl": the first 32 bytes.
        let hash = try PasswordHash(
            "password", cost: .init(logRounds: 10, blockSize: 8, parallelism: 16), salt: .init("NaCl".utf8))
        #expect(hash.phc == "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI")
        #expect(try PasswordHash(phc: hash.phc) == hash)
        #expect(try hash.matches("password") && !hash.matches("Password"))
    }

    @Test("never has the same hash twice, and a broken hash is an error")
    func salts() throws {
        let cost = PasswordHash.Cost(logRounds: 4)
        #expect(try PasswordHash("x", cost: cost) != PasswordHash("x", cost: cost))
        #expect(PasswordHash.Cost.standard == PasswordHash.Cost(logRounds: 17, blockSize: 8, parallelism: 1))
        for text in ["", "$scrypt$", "$argon2$ln=1,r=8,p=1$a$b", "$scrypt$ln=x,r=8,p=1$TmFDbA$TmFDbA"] {
            #expect(throws: PasswordHash.Malformed.self) { try PasswordHash(phc: text) }
        }
    }
}

@Suite("An account")
struct AuthTests {
    final class Clock: Sendable {
        let now = Mutex(start)
        func pass(_ duration: Duration) { now.withLock { $0 = $0 + duration } }
    }

    private let clock: Clock
    private let database: Database
    private let auth: AuthController

    init() async throws {
        let clock = Clock()
        self.clock = clock
        database = try Database(inMemory: AuthController.migrations)
        auth = try await AuthController(
            database: database, environment: ServiceEnvironment(now: { clock.now.withLock { $0 } }), passwordCost: 4)
    }

    private func register(
        _ email: String = "maya@petpro.example", role: Role = .customer, key: String? = nil, hash: String? = nil
    )
        async throws -> User
    {
        try await auth.createUser(
            CreateUser(
                email: email, password: "correct horse", name: "Maya", role: role, registrationKey: key,
                registrationHash: hash))
    }

    private func code<Value>(_ body: () async throws -> Value) async -> RemoteError.Code? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? RemoteError)?.code
        }
    }

    private func signIn(_ password: String = "correct horse") async throws -> TokenPair {
        try await auth.login(Login(email: " MAYA@petpro.example", password: password))
    }

    @Test("has an email that is unique, however it is written")
    func uniqueEmail() async throws {
        _ = try await register()
        #expect(await code { try await register("Maya@PetPro.example") } == .emailTaken)
        #expect(await code { try await register("a@b.cz", role: .admin) } == .forbidden)
    }

    @Test("signs in with its password only, and a wrong email tells no more than a wrong password")
    func login() async throws {
        _ = try await register()
        let tokens = try await signIn()
        let validation = try await auth.validateToken(ValidateToken(token: tokens.accessToken))
        #expect(validation.valid && validation.user?.role == .customer && validation.user?.id == tokens.user.id)
        #expect(await code { try await signIn("wrong") } == .badCredentials)
        #expect(await code { try await auth.login(Login(email: "nobody@b.cz", password: "x")) } == .badCredentials)
    }

    @Test("has access tokens that end after 10 minutes and cannot be forged")
    func accessTokens() async throws {
        _ = try await register()
        let token = try await signIn().accessToken
        clock.pass(.seconds(599))
        #expect(try await auth.validateToken(ValidateToken(token: token)).valid)
        clock.pass(.seconds(1))
        #expect(try await auth.validateToken(ValidateToken(token: token)).reason == "expired")
        var parts = token.split(separator: ".").map(String.init)
        parts[1] = "e30"
        for forged in ["", "x", parts.joined(separator: "."), "eyJhbGciOiJub25lIn0.e30."] {
            #expect(try await auth.validateToken(ValidateToken(token: forged)).reason == "malformed")
        }
        let other = try await AuthController(
            database: try Database(inMemory: AuthController.migrations), passwordCost: 4)
        #expect(try await other.validateToken(ValidateToken(token: token)).reason == "malformed")
    }

    @Test("that is disabled is out at once")
    func disabled() async throws {
        let user = try await register()
        let token = try await signIn().accessToken
        try await database.write { try $0.setState(.disabled, ofUser: user.id) }
        #expect(try await auth.validateToken(ValidateToken(token: token)).reason == "disabled")
        #expect(await code { try await signIn() } == .accountDisabled)
    }

    @Test("has refresh tokens that rotate; one used again after its grace revokes the family")
    func rotation() async throws {
        _ = try await register()
        let first = try await signIn().refreshToken
        let second = try await auth.refreshToken(RefreshToken(refreshToken: first)).refreshToken
        #expect(second != first)
        // The reply may have been lost: within 10 s the first is good once more.
        clock.pass(.seconds(10))
        _ = try await auth.refreshToken(RefreshToken(refreshToken: first))
        clock.pass(.seconds(1))
        #expect(await code { try await auth.refreshToken(RefreshToken(refreshToken: first)) } == .tokenRevoked)
        #expect(await code { try await auth.refreshToken(RefreshToken(refreshToken: second)) } == .tokenRevoked)
        let other = try await signIn().refreshToken
        _ = try await auth.refreshToken(RefreshToken(refreshToken: other))
    }

    @Test("has refresh tokens that end after 14 days, and with a sign-out")
    func refreshEnds() async throws {
        _ = try await register()
        let token = try await signIn().refreshToken
        try await auth.logout(Logout(refreshToken: token))
        try await auth.logout(Logout(refreshToken: "unknown"))
        #expect(await code { try await auth.refreshToken(RefreshToken(refreshToken: token)) } == .tokenRevoked)
        let late = try await signIn().refreshToken
        clock.pass(.seconds(14 * 24 * 3600))
        #expect(await code { try await auth.refreshToken(RefreshToken(refreshToken: late)) } == .tokenRevoked)
    }

    @Test("keeps neither passwords nor refresh tokens as they are")
    func secrets() async throws {
        _ = try await register()
        let tokens = try await signIn()
        let rows = try await database.read { transaction in
            "\(try transaction.rows("SELECT * FROM users")) \(try transaction.rows("SELECT * FROM refresh_tokens"))"
        }
        #expect(!rows.contains("correct horse") && !rows.contains(tokens.refreshToken))
    }

    @Test("of a vendor is pending until its vendor exists, and can be taken back only then")
    func pendingVendor() async throws {
        #expect(await code { try await register(role: .vendor) } == .invalidPayload)
        let user = try await register(role: .vendor, key: "k1", hash: "h1")
        #expect(user.state == .pendingVendor)
        #expect(try await register(role: .vendor, key: "k1", hash: "h1").id == user.id)
        #expect(await code { try await register(role: .vendor, key: "k1", hash: "h2") } == .keyReused)
        #expect(
            await code { try await auth.deleteUser(DeleteUser(id: user.id, registrationKey: "k2")) } == .userNotPending)

        let event = VendorCreatedEvent(
            eventId: "e1", type: "vendor.created", occurredAt: start,
            data: VendorCreated(vendorId: 1, userId: user.id, status: .active))
        try await auth.vendorCreated(event)
        #expect(try await auth.getUser(GetUser(id: user.id)).state == .active)
        #expect(
            await code { try await auth.deleteUser(DeleteUser(id: user.id, registrationKey: "k1")) } == .userNotPending)

        let second = try await register("b@b.cz", role: .vendor, key: "k3", hash: "h3")
        try await auth.deleteUser(DeleteUser(id: second.id, registrationKey: "k3"))
        try await auth.deleteUser(DeleteUser(id: second.id, registrationKey: "k3"))
        #expect(await code { try await auth.getUser(GetUser(id: second.id)) } == .userNotFound)
    }
}
