import Crypto
import Foundation

public import PetProContracts
public import PetProStorage
import Rookery

/// The Auth service's commands.
public struct AuthController: AuthAPI {
    let database: Database
    let environment: ServiceEnvironment
    private let hasher: PasswordHasher
    private let tokens: AccessTokens

    /// The schema of the service's database.
    public static var migrations: [Migration] { AuthSchema.migrations }

    /// Makes the service. `passwordCost` is the logarithm of scrypt's N; only tests make it cheap.
    public init(
        database: Database, environment: ServiceEnvironment = ServiceEnvironment(), passwordCost: Int = 17
    ) async throws {
        self.database = database
        self.environment = environment
        hasher = try PasswordHasher(cost: PasswordHash.Cost(logRounds: passwordCost))
        let seed = try await database.write { transaction in
            try transaction.signingSeed { SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) } }
        }
        tokens = try await AccessTokens(seed: seed)
    }

    /// Ends the hashing threads; no command may be under way.
    public func shutDown() async throws { try await hasher.shutDown() }

    func hashedDemoPassword() async throws -> String { try await hasher.hash(Self.demoPassword).phc }

    /// Answers whether a token is good, and for whom.
    public func validateToken(_ request: ValidateToken) async throws -> TokenValidation {
        let now = environment.now()
        let userId: Int
        let expiresAt: Instant
        do {
            (userId, expiresAt) = try await tokens.check(request.token, at: now)
        } catch {
            return TokenValidation(valid: false, reason: error.rawValue)
        }
        guard let record = try await database.read({ try $0.user(id: userId) }) else {
            return TokenValidation(valid: false, reason: "unknown_user")
        }
        switch record.user.state {
        case .disabled, .deleted: return TokenValidation(valid: false, reason: "disabled")
        case .active, .pendingVendor: break
        }
        return TokenValidation(
            valid: true, user: TokenUser(id: userId, role: record.user.role, state: record.user.state),
            expiresAt: expiresAt)
    }

    /// Makes an account; the same registration again gets the same account.
    public func createUser(_ request: CreateUser) async throws -> User {
        if request.role == .admin || request.role == .ops {
            throw RemoteError(.forbidden, "Nobody can register as \(request.role.rawValue).")
        }
        if request.role == .vendor, request.registrationKey == nil {
            throw RemoteError(
                InvalidPayload(violations: [
                    Violation(path: "registrationKey", constraint: "required", message: "is required for a vendor")
                ]))
        }
        var request = request
        // A customer's registration is known again by the key of its call, should the reply be lost.
        request.registrationKey = request.registrationKey ?? MessageContext.current?.idempotencyKey
        if let known = try await registered(request) { return known }
        let password = try await hasher.hash(request.password).phc
        try MessageContext.current?.checkDeadline()
        let now = environment.now()
        let eventId = environment.uniqueID()
        return try await database.write { [request] transaction in
            if let key = request.registrationKey, let record = try transaction.user(registrationKey: key) {
                return try Self.same(record, request)
            }
            let state: UserState = request.role == .vendor ? .pendingVendor : .active
            let user = try transaction.insertUser(request, state: state, password: password, at: now)
            try transaction.publish(.userCreated, UserCreated(userId: user.id, role: user.role), at: now, id: eventId)
            return user
        }
    }

    private func registered(_ request: CreateUser) async throws -> User? {
        try await database.read { transaction in
            if let key = request.registrationKey, let record = try transaction.user(registrationKey: key) {
                return try Self.same(record, request)
            }
            if try transaction.user(email: request.email) != nil {
                throw RemoteError(.emailTaken, "An account with this email address exists.")
            }
            return nil
        }
    }

    private static func same(_ record: UserRecord, _ request: CreateUser) throws -> User {
        let sameEmail = Transaction.emailKey(record.user.email) == Transaction.emailKey(request.email)
        guard sameEmail, record.registrationHash == request.registrationHash else {
            throw RemoteError(.keyReused, "This registration key was used for another registration.")
        }
        return record.user
    }

    /// Takes a pending account back.
    public func deleteUser(_ request: DeleteUser) async throws {
        let now = environment.now()
        let eventId = environment.uniqueID()
        try await database.write { transaction in
            guard let record = try transaction.user(id: request.id) else { return }
            guard record.user.state == .pendingVendor, record.registrationKey == request.registrationKey else {
                throw RemoteError(.userNotPending, "Only the pending account of this registration can be taken back.")
            }
            try transaction.execute("DELETE FROM users WHERE id = ?", request.id)
            try transaction.publish(.userDeleted, UserDeleted(userId: request.id), at: now, id: eventId)
        }
    }

    /// Trades email and password for tokens.
    public func login(_ request: Login) async throws -> TokenPair {
        let record = try await database.read { try $0.user(email: request.email) }
        let hash = try record.map { try PasswordHash(phc: $0.password) }
        guard try await hasher.verify(request.password, against: hash), let record, let hash else {
            throw RemoteError(.badCredentials, "Email or password is wrong.")
        }
        guard record.user.state == .active || record.user.state == .pendingVendor else {
            throw RemoteError(.accountDisabled, "This account is disabled.")
        }
        if hasher.isOutdated(hash) {
            let renewed = try await hasher.hash(request.password).phc
            _ = try await database.write {
                try $0.execute("UPDATE users SET password = ? WHERE id = ?", renewed, record.user.id)
            }
        }
        return try await issue(to: record.user, family: environment.uniqueID())
    }

    private func issue(to user: User, family: String) async throws -> TokenPair {
        let now = environment.now()
        // 256 bits.
        let refresh = environment.uniqueID() + environment.uniqueID()
        let access = try await tokens.issue(to: user, at: now)
        try await database.write {
            try $0.insertRefreshToken(refresh, user: user.id, family: family, at: now)
        }
        return TokenPair(accessToken: access.token, refreshToken: refresh, expiresAt: access.expiresAt, user: user)
    }

    /// Trades a refresh token for new tokens.
    public func refreshToken(_ request: RefreshToken) async throws -> TokenPair {
        let now = environment.now()
        let found: (UserRecord, String)? = try await database.write { transaction in
            guard
                case .rotated(let userId, let family) = try transaction.rotateRefreshToken(
                    request.refreshToken, at: now),
                let record = try transaction.user(id: userId),
                record.user.state == .active || record.user.state == .pendingVendor
            else { return nil }
            return (record, family)
        }
        guard let (record, family) = found else {
            throw RemoteError(.tokenRevoked, "This refresh token is not, or no longer, good. Sign in again.")
        }
        return try await issue(to: record.user, family: family)
    }

    /// Revokes a session.
    public func logout(_ request: Logout) async throws {
        let now = environment.now()
        try await database.write { transaction in
            guard let family = try transaction.family(ofRefreshToken: request.refreshToken) else { return }
            try transaction.revokeFamily(family, at: now)
        }
    }

    /// An account.
    public func getUser(_ request: GetUser) async throws -> User {
        guard let record = try await database.read({ try $0.user(id: request.id) }) else {
            throw RemoteError(.userNotFound, "There is no such account.")
        }
        return record.user
    }

    /// Activates the pending account of a new vendor.
    public func vendorCreated(_ event: VendorCreatedEvent) async throws {
        let now = environment.now()
        try await database.write { transaction in
            guard try transaction.isFirst(eventId: event.eventId, at: now) else { return }
            guard let record = try transaction.user(id: event.data.userId), record.user.state == .pendingVendor else {
                return
            }
            try transaction.setState(.active, ofUser: event.data.userId)
        }
    }
}
