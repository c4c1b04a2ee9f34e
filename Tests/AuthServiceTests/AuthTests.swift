import Crypto
import Foundation
import JWTKit
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
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
    private let clock = SettableTime(start)
    private let database: Database
    private let auth: AuthController

    init() async throws {
        let clock = self.clock
        database = try Database.temporary(AuthController.migrations)
        auth = try await AuthController(
            database: database, signingKeys: nil,
            environment: ServiceEnvironment(now: { clock.now }), passwordCost: 4)
    }

    private func register(
        _ email: String = "maya@petpro.example", _ password: String = "correct horse", role: Role = .customer,
        key: String? = nil, digest: String? = nil, attempt: String? = nil
    ) async throws -> User {
        try await auth.createUser(
            CreateUser(
                email: email, password: password, name: "Maya", role: role, registrationKey: key,
                registrationDigest: digest, attempt: attempt))
    }

    private func code<Value>(_ body: () async throws -> Value) async throws -> RemoteError.Code? {
        try await refusal(body)?.code
    }

    private func signIn(_ password: String = "correct horse") async throws -> TokenPair {
        try await auth.login(Login(email: " MAYA@petpro.example", password: password))
    }

    @Test("has an email that is unique, however it is written")
    func uniqueEmail() async throws {
        _ = try await register()
        #expect(try await code { try await register("Maya@PetPro.example") } == .emailTaken)
        #expect(try await code { try await register("a@b.cz", role: .admin) } == .forbidden)
    }

    @Test("signs in with its password only, and a wrong email tells no more than a wrong password")
    func login() async throws {
        _ = try await register()
        let tokens = try await signIn()
        let validation = try await auth.validateToken(ValidateToken(token: tokens.accessToken))
        #expect(validation.valid && validation.user?.role == .customer && validation.user?.id == tokens.user.id)
        #expect(try await code { try await signIn("wrong") } == .badCredentials)
        #expect(try await code { try await auth.login(Login(email: "nobody@b.cz", password: "x")) } == .badCredentials)
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
        // Signed with the right key, but of another type, or with a key that has no name.
        let keys = SigningKeys([.init(id: "k1", seed: Array(repeating: 7, count: 32))])
        let tokens = try await AccessTokens(keys)
        let user = User(
            id: 1, email: "a@b.cz", name: "A", role: .customer, state: .active, createdAt: clock.now)
        let good = try await tokens.issue(to: user, at: clock.now).token
        #expect(try await tokens.check(good, at: clock.now).userId == 1)
        let signer = JWTKeyCollection()
        await signer.add(
            eddsa: try EdDSA.PrivateKey(d: Data(keys.newest.seed).base64EncodedString(), curve: .ed25519), kid: "k1")
        let claims = try await signer.verify(good, as: AccessClaims.self)
        for (type, kid) in [("JWT", "k1"), (AccessTokens.type, "k2")] {
            var header = JWTHeader()
            header.typ = type
            header.kid = kid
            let forged = try await signer.sign(claims, kid: kid == "k1" ? "k1" : nil, header: header)
            await #expect(throws: AccessTokens.Rejection.malformed) { try await tokens.check(forged, at: clock.now) }
        }
        let other = try await AuthController(
            database: try Database.temporary(AuthController.migrations), signingKeys: nil, passwordCost: 4)
        #expect(try await other.validateToken(ValidateToken(token: token)).reason == "malformed")
    }

    @Test("takes no token but one of its own keys and algorithm, whatever header and claims it has")
    func forgedTokens() async throws {
        let seed = [UInt8](repeating: 7, count: 32)
        let tokens = try await AccessTokens(SigningKeys([.init(id: "k1", seed: seed)]))
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        let now = clock.now.milliseconds / 1000
        let good: JSONObject = [
            "iss": "petpro-auth", "aud": "petpro", "sub": "1", "iat": .int(now), "exp": .int(now + 600),
            "role": "customer",
        ]
        func encoded(_ bytes: some Sequence<UInt8>) -> String {
            Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
                "=", with: "")
        }
        func token(_ header: JSONValue, _ claims: JSONObject, sign: (Data) throws -> Data) throws -> String {
            let text = encoded(header.jsonText.utf8) + "." + encoded(JSONValue.object(claims).jsonText.utf8)
            return text + "." + encoded(try sign(Data(text.utf8)))
        }
        let header: JSONObject = ["alg": "EdDSA", "typ": "at+jwt", "kid": "k1"]
        func signed(_ header: JSONObject, _ claims: JSONObject) throws -> String {
            try token(.object(header), claims) { try key.signature(for: $0) }
        }
        // The control: made here, as the service makes it.
        let own = try signed(header, good)
        #expect(try await tokens.check(own, at: clock.now).userId == 1)

        func changed(_ object: JSONObject, _ name: String, _ value: JSONValue?) -> JSONObject {
            var other = JSONObject()
            for (key, kept) in object where key != name { other[key] = kept }
            other[name] = value
            return other
        }
        let published = Data(key.publicKey.rawRepresentation)
        var forged: [String: String] = [
            "no algorithm": try token(.object(changed(header, "alg", "none")), good) { _ in Data() },
            "the public key as a secret": try token(.object(changed(header, "alg", "HS256")), good) {
                Data(HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: published)))
            },
            "another algorithm's name": try signed(changed(header, "alg", "ES256"), good),
            "no key": try signed(changed(header, "kid", nil), good),
            "an unknown key": try signed(changed(header, "kid", "k2"), good),
            "another type": try signed(changed(header, "typ", "JWT"), good),
            "another key, with its public half in the header": try token(
                .object(changed(header, "jwk", ["kty": "OKP", "crv": "Ed25519"])), good
            ) { try Curve25519.Signing.PrivateKey().signature(for: $0) },
            "a signature cut short": String(own.dropLast(2)),
            "a signature of nothing": own.split(separator: ".").dropLast().joined(separator: ".") + ".",
            "a fourth part": own + ".AAAA",
            "another's claims": [
                own.split(separator: ".")[0], encoded(JSONValue.object(changed(good, "sub", "2")).jsonText.utf8)[...],
                own.split(separator: ".")[2],
            ].joined(separator: "."),
        ]
        for (name, value) in [
            ("iss", "other"), ("iss", nil), ("aud", "other"), ("aud", nil), ("sub", "one"), ("sub", nil), ("exp", nil),
            ("exp", "soon"),
        ] as [(String, JSONValue?)] {
            forged["\(name) \(value?.jsonText ?? "missing")"] = try signed(header, changed(good, name, value))
        }
        for (name, token) in forged {
            await #expect(throws: AccessTokens.Rejection.malformed, "\(name)") {
                _ = try await tokens.check(token, at: clock.now)
            }
        }
        // Each token once more, since good ones are remembered.
        #expect(try await tokens.check(own, at: clock.now).userId == 1)
    }

    @Test("has none of the 3000 most common passwords, in whatever case")
    func commonPasswords() async throws {
        #expect(CommonPasswords.count == 3000)
        for password in ["password", "Iloveyou", "1QAZ2WSX"] {
            let error = try await refusal { try await register("new@petpro.example", password) }
            #expect(error?.code == .invalidPayload)
            #expect(error?.details?.arrayValue?.first?["constraint"] == "common", "\(password)")
        }
        #expect(try await database.read { try $0.user(email: "new@petpro.example") } == nil)
        await #expect(throws: InvalidPayload.self) {
            try await auth.createAdmin(email: "root@petpro.example", name: "Root", password: "password1")
        }
    }

    @Test("changes its password with the old one, which ends all its sessions")
    func changePassword() async throws {
        let user = try await register()
        let sessions = [try await signIn(), try await signIn()]
        func change(_ old: String, _ new: String, of id: Int = user.id) async throws -> RemoteError.Code? {
            try await code {
                try await auth.changePassword(ChangePassword(userId: id, oldPassword: old, newPassword: new))
            }
        }
        #expect(try await change("wrong", "another horse") == .badCredentials)
        #expect(try await change("correct horse", "sunshine") == .invalidPayload)
        #expect(try await change("correct horse", "another horse", of: 999) == .badCredentials)
        // Nothing has changed yet.
        #expect(try await signIn().user.id == user.id)
        #expect(try await change("correct horse", "another horse") == nil)
        #expect(try await code { try await signIn() } == .badCredentials)
        #expect(try await signIn("another horse").user.id == user.id)
        for session in sessions {
            let request = RefreshToken(refreshToken: session.refreshToken)
            #expect(try await code { try await auth.refreshToken(request) } == .tokenRevoked)
        }
    }

    @Test("that is disabled is out at once")
    func disabled() async throws {
        let user = try await register()
        let token = try await signIn().accessToken
        try await database.write { try $0.setState(.disabled, ofUser: user.id) }
        #expect(try await auth.validateToken(ValidateToken(token: token)).reason == "disabled")
        #expect(try await code { try await signIn() } == .accountDisabled)
    }

    @Test("has refresh tokens that rotate; one used again after its grace revokes the family")
    func rotation() async throws {
        _ = try await register()
        let first = try await signIn().refreshToken
        let second = try await auth.refreshToken(RefreshToken(refreshToken: first)).refreshToken
        #expect(second != first)
        clock.pass(.seconds(11))
        #expect(try await code { try await auth.refreshToken(RefreshToken(refreshToken: first)) } == .tokenRevoked)
        #expect(try await code { try await auth.refreshToken(RefreshToken(refreshToken: second)) } == .tokenRevoked)
        let other = try await signIn().refreshToken
        _ = try await auth.refreshToken(RefreshToken(refreshToken: other))
    }

    @Test("may use a refresh token once more within 10 s, as long as its successor is unused, and once only")
    func grace() async throws {
        func refresh(_ token: String) async throws -> String {
            try await auth.refreshToken(RefreshToken(refreshToken: token)).refreshToken
        }
        _ = try await register()
        let first = try await signIn().refreshToken
        // The reply may have been lost: then its successor, which nobody has, is good no more.
        let lost = try await refresh(first)
        let second = try await refresh(first)
        #expect(try await code { try await refresh(first) } == .tokenRevoked, "a second time is no lost reply")
        #expect(try await code { try await refresh(second) } == .tokenRevoked, "and ends the session")

        let another = try await signIn().refreshToken
        let successor = try await refresh(another)
        _ = try await refresh(successor)
        #expect(try await code { try await refresh(another) } == .tokenRevoked, "its successor has been used")
        #expect(try await code { try await refresh(lost) } == .tokenRevoked)
    }

    @Test("has one good refresh token in a session, however many requests use one at once")
    func oneBranch() async throws {
        _ = try await register()
        let first = try await signIn().refreshToken
        let auth = self.auth
        let tokens = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<20 {
                group.addTask { try? await auth.refreshToken(RefreshToken(refreshToken: first)).refreshToken }
            }
            var tokens: [String] = []
            for await token in group { if let token { tokens.append(token) } }
            return tokens
        }
        #expect(tokens.count <= 2)
        let good = try await database.read { transaction in
            try transaction.table("SELECT 1 FROM refresh_tokens WHERE revoked_at IS NULL AND rotated_at IS NULL")
                .count
        }
        #expect(good <= 1)
    }

    @Test("has refresh tokens that end after 14 days, and with a sign-out")
    func refreshEnds() async throws {
        _ = try await register()
        let token = try await signIn().refreshToken
        try await auth.logout(Logout(refreshToken: token))
        try await auth.logout(Logout(refreshToken: "unknown"))
        #expect(try await code { try await auth.refreshToken(RefreshToken(refreshToken: token)) } == .tokenRevoked)
        let late = try await signIn().refreshToken
        clock.pass(.seconds(14 * 24 * 3600))
        #expect(try await code { try await auth.refreshToken(RefreshToken(refreshToken: late)) } == .tokenRevoked)
    }

    @Test("has tokens that anybody can check with the published keys")
    func publishedKeys() async throws {
        _ = try await register()
        let parts = try await signIn().accessToken.split(separator: ".").map(String.init)
        func bytes(_ text: String) -> Data? {
            let base64 = text.replacing("-", with: "+").replacing("_", with: "/")
            return Data(base64Encoded: base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4))
        }
        let header = try JSONValue(parsing: try #require(bytes(parts[0])))
        let keys = try await auth.getSigningKeys().keys
        let key = try #require(keys.first { $0.kid == header["kid"]?.stringValue })
        #expect(key.kty == "OKP" && key.crv == "Ed25519" && key.alg == header["alg"]?.stringValue)
        let point = try Curve25519.Signing.PublicKey(rawRepresentation: try #require(bytes(key.x)))
        let signature = try #require(bytes(parts[2]))
        #expect(point.isValidSignature(signature, for: Data("\(parts[0]).\(parts[1])".utf8)))
        #expect(!point.isValidSignature(signature, for: Data("\(parts[0]).e30".utf8)))
    }

    @Test("keeps neither passwords nor refresh tokens as they are")
    func secrets() async throws {
        _ = try await register()
        let tokens = try await signIn()
        let rows = try await database.read { transaction in
            "\(try transaction.table("SELECT * FROM users")) \(try transaction.table("SELECT * FROM refresh_tokens"))"
        }
        #expect(!rows.contains("correct horse") && !rows.contains(tokens.refreshToken))
    }

    @Test("keeps nothing that a password can be guessed by, but the slow hash, which is sealed")
    func onlySlowHash() async throws {
        _ = try await register(role: .vendor, key: "k", digest: "d", attempt: "a")
        let row = try await database.read { transaction in
            "\(try transaction.table("SELECT * FROM users")) \(try transaction.table("SELECT * FROM events"))"
        }
        for digest in [IdempotencyKey.digest("correct horse"), "correct horse"] { #expect(!row.contains(digest)) }
        let hash = try await database.read { try $0.user(id: 1)?.password }
        #expect(hash?.hasPrefix("$scrypt$") == true && !row.contains("$scrypt$"))
    }

    @Test("of a vendor is pending until its vendor exists")
    func pendingVendor() async throws {
        #expect(try await code { try await register(role: .vendor) } == .invalidPayload)
        let user = try await register(role: .vendor, key: "k1", digest: "d1", attempt: "a1")
        #expect(user.state == .pendingVendor)
        try await auth.vendorCreated(Self.vendorCreated(user.id))
        #expect(try await auth.getUser(GetUser(id: user.id)).state == .active)
        #expect(
            try await code { try await auth.deleteUser(DeleteUser(id: user.id, attempt: "a1")) } == .userNotPending)
        // The registration that made it is known again by its key for as long as the account exists.
        #expect(try await register(role: .vendor, key: "k1", digest: "d1", attempt: "a2").id == user.id)
        #expect(
            try await code { try await register(role: .vendor, key: "k2", digest: "d1", attempt: "a3") } == .emailTaken)
    }

    private static func vendorCreated(_ userId: Int) -> EventEnvelope<VendorCreated> {
        EventEnvelope<VendorCreated>(
            eventId: "e1", type: "vendor.created", occurredAt: start,
            data: VendorCreated(vendorId: 1, userId: userId, status: .active))
    }

    @Test("that is pending is gone on with by its password alone, and by its key with the same content only")
    func resumed() async throws {
        func again(_ key: String?, _ digest: String, _ password: String = "correct horse") async throws -> Int {
            try await register("maya@petpro.example", password, role: .vendor, key: key, digest: digest, attempt: "a2")
                .id
        }
        let user = try await register(role: .vendor, key: "k1", digest: "d1", attempt: "a1")
        #expect(try await again("k1", "d1") == user.id)
        #expect(try await code { try await again("k1", "d2") } == .keyReused)
        #expect(try await code { try await again("k1", "d1", "wrong horse") } == .keyReused)
        #expect(try await code { try await again(nil, "d1", "wrong horse") } == .emailTaken)
        #expect(try await again(nil, "d2") == user.id)
        // It is that registration's now.
        #expect(try await code { try await again("k2", "d2", "wrong horse") } == .emailTaken)
        #expect(try await again("k3", "d3") == user.id)
        #expect(try await code { try await again("k3", "d1") } == .keyReused)
    }

    @Test("is taken back by the attempt that made it, unless another has gone on with it")
    func takenBack() async throws {
        let user = try await register(role: .vendor, key: "k1", digest: "d1", attempt: "a1")
        func takeBack(_ attempt: String) async throws {
            try await auth.deleteUser(DeleteUser(id: user.id, attempt: attempt))
        }
        #expect(try await code { try await takeBack("a2") } == .userNotPending)
        _ = try await register(role: .vendor, key: "k1", digest: "d1", attempt: "a2")
        #expect(try await code { try await takeBack("a1") } == .userNotPending)
        #expect(try await code { try await takeBack("a2") } == .userNotPending, "it did not make it")

        let other = try await register("b@b.cz", role: .vendor, key: "k1", digest: "d1", attempt: "a3")
        try await auth.deleteUser(DeleteUser(id: other.id, attempt: "a3"))
        try await auth.deleteUser(DeleteUser(id: other.id, attempt: "a3"))
        #expect(try await code { try await auth.getUser(GetUser(id: other.id)) } == .userNotFound)
    }

    @Test("has a registration key of its own: strangers do not share one")
    func keysOfStrangers() async throws {
        let first = try await register("a@b.cz", role: .vendor, key: "k1", digest: "d1", attempt: "a1")
        let second = try await register("b@b.cz", role: .vendor, key: "k1", digest: "d2", attempt: "a2")
        #expect(first.id != second.id)
    }

    @Test("of an administrator is made by the operator only, by the rules of every account")
    func admin() async throws {
        let admin = try await auth.createAdmin(email: "root@b.cz", name: "Root", password: "correct horse")
        #expect(admin.role == .admin && admin.state == .active)
        #expect(
            try await code {
                try await auth.createAdmin(email: "ROOT@b.cz", name: "Root", password: "correct horse")
            } == .emailTaken)
        await #expect(throws: InvalidPayload.self) {
            try await auth.createAdmin(email: "x", name: "Root", password: "short")
        }
        #expect(try await auth.login(Login(email: "root@b.cz", password: "correct horse")).user.role == .admin)
    }
}
