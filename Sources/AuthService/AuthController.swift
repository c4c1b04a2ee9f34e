import CoreMetrics
import Crypto
public import Logging
public import PetProContracts
public import PetProRuntime
public import PetProStorage
import Rookery

/// Handles the commands and events of the Auth service.
public struct AuthController: AuthAPI {
    let database: Database
    let environment: ServiceEnvironment
    let hasher: PasswordHasher
    private let tokens: AccessTokens
    let logger: Logger
    let audit: Auditor
    private let reuses = Counter(label: "petpro_auth_refresh_token_reuses_total")

    /// The migrations of the service's database.
    public static var migrations: [Migration] { AuthSchema.migrations }

    /// Makes the service.
    ///
    /// `signingKeys` is the path of the file with the keys that sign tokens. The service creates the file if it does
    /// not exist. Nil uses one random key in memory. `passwordCost` is the base-2 logarithm of scrypt's N, by default
    /// 17; only tests use less. Throws when the keys or the database cannot be read.
    public init(
        database: Database, signingKeys path: String?, environment: ServiceEnvironment = ServiceEnvironment(),
        passwordCost: Int = 17, audit: Auditor = .none, logger: Logger = Logger(label: "petpro.auth")
    ) async throws {
        self.database = database
        self.environment = environment
        self.logger = logger
        self.audit = audit
        hasher = try PasswordHasher(cost: PasswordHash.Cost(logRounds: passwordCost))
        tokens = try await AccessTokens(try await Self.signingKeys(path, database))
    }

    /// Loads the signing keys. The key that earlier versions kept in the database moves to a new file, so that its
    /// tokens stay valid.
    private static func signingKeys(_ path: String?, _ database: Database) async throws -> SigningKeys {
        guard let path else {
            return SigningKeys([.init(id: "memory", seed: SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) })])
        }
        let former = try await database.read { try $0.formerSigningSeed() }
        let keys = try SigningKeys.load(path, inherited: former.map { .init(id: "auth-1", seed: $0) })
        if former != nil {
            try await database.write { try $0.forgetFormerSigningSeed() }
            try await database.checkpoint()
        }
        return keys
    }

    func hashedDemoPassword() async throws -> String { try await hasher.hash(Self.demoPassword).phc }

    /// Reports whether a token is valid, and for which account.
    public func validateToken(_ request: ValidateToken) async throws -> TokenValidation {
        let now = environment.now()
        let userId: Int
        let expiresAt: Instant
        do {
            (userId, expiresAt) = try await tokens.check(request.token, at: now)
        } catch {
            return TokenValidation(valid: false, reason: error.rawValue)
        }
        guard let standing = try await database.read({ try $0.standing(ofUser: userId) }) else {
            return TokenValidation(valid: false, reason: "unknown_user")
        }
        switch standing.state {
        case .disabled, .deleted: return TokenValidation(valid: false, reason: "disabled")
        case .active, .pendingVendor: break
        }
        return TokenValidation(
            valid: true, user: TokenUser(id: userId, role: standing.role, state: standing.state),
            expiresAt: expiresAt)
    }

    /// Returns the public keys with which anybody can check access tokens.
    public func getSigningKeys() async throws -> SigningKeySet { SigningKeySet(keys: tokens.published) }

    // MARK: Registration

    /// Creates an account. A repetition of the same registration returns the same account.
    ///
    /// Throws `FORBIDDEN` for the roles `admin` and `ops`, `EMAIL_TAKEN`, `KEY_REUSED`, and `INVALID_PAYLOAD` for a
    /// vendor without `attempt`. Throws `OVERLOADED` when the password cannot be hashed in time, or when another
    /// request works on the account.
    public func createUser(_ request: CreateUser) async throws -> User {
        if request.role == .admin || request.role == .ops {
            throw RemoteError(.forbidden, "No account can be registered as \(request.role.rawValue).")
        }
        if request.role == .vendor, request.attempt == nil {
            throw RemoteError(
                InvalidPayload(violations: [
                    Violation(path: "attempt", constraint: "required", message: "is required for a vendor")
                ]))
        }
        if let problem = Self.common(request.password, path: "password") { throw RemoteError(problem) }
        var request = request
        // After a lost reply, the key of the call identifies the repetition of a registration without its own key.
        request.registrationKey = request.registrationKey ?? MessageContext.current?.idempotencyKey
        // Another attempt may write between this attempt's read and its write. Then this one decides again.
        for _ in 0..<3 {
            if let user = try await step(request) { return user }
        }
        throw Self.busy
    }

    /// Decides and writes once. Returns nil when the account changed between the decision and the write.
    private func step(_ request: CreateUser) async throws -> User? {
        let known = try await database.read { try $0.user(email: request.email) }
        switch Registration.decide(request, known?.existing, at: environment.now()) {
        case .taken: throw Self.emailTaken
        case .keyReused: throw Self.keyReused
        case .busy: throw Self.busy
        case .make: return try await make(request)
        case .resumeIfSamePassword:
            guard let known else { return nil }
            guard try await hasher.verify(request.password, against: PasswordHash(phc: known.password)) else {
                throw known.registrationKey == request.registrationKey ? Self.keyReused : Self.emailTaken
            }
            return try await resume(request, known)
        }
    }

    private static let emailTaken = RemoteError(.emailTaken, "An account with this email address exists.")
    private static let keyReused = RemoteError(
        .keyReused, "This registration key was used for another registration.")
    private static let busy = RemoteError(
        .overloaded, "Another request is creating or deleting the account of this registration.",
        details: ["retryAfterMs": 1000])

    private func make(_ request: CreateUser) async throws -> User? {
        let password = try await hasher.hash(request.password).phc
        let now = environment.now()
        let eventId = environment.uniqueID()
        let made: User? = try await database.write { transaction in
            // Another attempt may have created the account first. Then the caller decides again.
            if try transaction.user(email: request.email) != nil { return nil }
            let state: UserState = request.role == .vendor ? .pendingVendor : .active
            let user = try transaction.insertUser(request, state: state, password: password, at: now)
            try transaction.publish(
                .userCreated, UserCreated(userId: user.id, role: user.role), about: "user-\(user.id)", at: now,
                id: eventId)
            return user
        }
        if let made { audit.record(AuditEvent(.accountMade, subject: made.id)) }
        return made
    }

    private func resume(_ request: CreateUser, _ known: UserRecord) async throws -> User? {
        if known.user.state != .pendingVendor { return known.user }
        let now = environment.now()
        return try await database.write { transaction in
            guard let record = try transaction.user(id: known.user.id), record.password == known.password,
                case .resumeIfSamePassword = Registration.decide(request, record.existing, at: now)
            else { return nil }
            guard record.user.state == .pendingVendor else { return record.user }
            try transaction.touch(record.user.id, by: request, at: now)
            return try transaction.user(id: record.user.id)?.user
        }
    }

    /// Deletes a pending account, if the same attempt created it and no other attempt has continued it.
    ///
    /// An account that does not exist is no error. Throws `USER_NOT_PENDING` when the account must not be deleted.
    public func deleteUser(_ request: DeleteUser) async throws {
        let now = environment.now()
        let eventId = environment.uniqueID()
        try await database.write { transaction in
            guard let record = try transaction.user(id: request.id) else { return }
            guard
                Registration.mayTakeBack(
                    request.attempt, state: record.user.state, madeBy: record.madeBy, touchedBy: record.touchedBy)
            else {
                throw RemoteError(
                    .userNotPending, "This account is not pending, or another attempt created or continued it.")
            }
            _ = try transaction.eraseUser(request.id, at: now)
            try transaction.publish(
                .userDeleted, UserDeleted(userId: request.id), about: "user-\(request.id)", at: now, id: eventId)
        }
    }

    /// Erases an account, its password and its sessions, and tells the other services to erase the person's data.
    ///
    /// An account that does not exist is no error. Throws `FORBIDDEN` for an administrator or operator, and `ACCOUNT_HELD` for an
    /// account under a legal hold.
    public func eraseUser(_ request: EraseUser) async throws {
        let now = environment.now()
        let eventId = environment.uniqueID()
        let isErased = try await database.write { transaction in
            guard let user = try transaction.user(id: request.id)?.user else { return false }
            guard user.role == .customer || user.role == .vendor else {
                throw RemoteError(.forbidden, "The account of an administrator or operator cannot be erased.")
            }
            if try transaction.isHeld(user.id) {
                throw RemoteError(.accountHeld, "The data of this account must be kept for now, by law.")
            }
            _ = try transaction.eraseUser(request.id, at: now)
            try transaction.publish(
                .userDeleted, UserDeleted(userId: request.id), about: "user-\(request.id)", at: now, id: eventId)
            return true
        }
        guard isErased else { return }
        logger.notice("an account was erased", metadata: ["userId": "\(request.id)"])
        audit.record(AuditEvent(.accountErased, actor: AuditEvent.user(request.id), subject: request.id))
    }

    // MARK: Sessions

    /// Exchanges email and password for tokens.
    ///
    /// Throws `BAD_CREDENTIALS`, `ACCOUNT_DISABLED`, and `OVERLOADED` when the password cannot be hashed in time.
    public func login(_ request: Login) async throws -> TokenPair {
        let record = try await database.read { try $0.user(email: request.email) }
        let hash = try record.map { try PasswordHash(phc: $0.password) }
        guard try await hasher.verify(request.password, against: hash), let record, let hash else {
            audit.record(AuditEvent(.signInFailed, subject: record?.user.id))
            throw RemoteError(.badCredentials, "Email or password is wrong.")
        }
        guard record.user.state == .active || record.user.state == .pendingVendor else {
            throw RemoteError(.accountDisabled, "This account is disabled.")
        }
        if hasher.isOutdated(hash) {
            let renewed = try await hasher.hash(request.password).phc
            _ = try await database.write {
                try $0.setPassword(renewed, insteadOf: record.password, ofUser: record.user.id)
            }
        }
        let now = environment.now()
        let refresh = newRefreshToken()
        let family = environment.uniqueID()
        let access = try await tokens.issue(to: record.user, at: now)
        try await database.write {
            try $0.insertRefreshToken(refresh, user: record.user.id, family: family, at: now)
        }
        return TokenPair(
            accessToken: access.token, refreshToken: refresh, expiresAt: access.expiresAt, user: record.user)
    }

    /// Returns 256 random bits in hexadecimal.
    private func newRefreshToken() -> String { environment.uniqueID() + environment.uniqueID() }

    /// Exchanges a refresh token for new tokens. One transaction checks the token, marks it as used, and inserts its
    /// successor. Throws `TOKEN_REVOKED`.
    public func refreshToken(_ request: RefreshToken) async throws -> TokenPair {
        let now = environment.now()
        let successor = newRefreshToken()
        let (rotation, record) = try await database.write { transaction in
            let rotation = try transaction.rotateRefreshToken(request.refreshToken, successor: successor, at: now)
            guard case .rotated(let userId) = rotation, let record = try transaction.user(id: userId) else {
                return (rotation, UserRecord?.none)
            }
            return (rotation, record)
        }
        if case .reused(let userId) = rotation {
            reuses.increment()
            audit.record(AuditEvent(.tokenReused, subject: userId))
            logger.warning(
                "a refresh token was used twice: all tokens of its session are revoked",
                metadata: ["userId": "\(userId)"])
        }
        guard let user = record?.user, user.state == .active || user.state == .pendingVendor else {
            throw RemoteError(.tokenRevoked, "This refresh token is not valid. Sign in again.")
        }
        let access = try await tokens.issue(to: user, at: now)
        return TokenPair(accessToken: access.token, refreshToken: successor, expiresAt: access.expiresAt, user: user)
    }

    /// Changes the password of an account, and revokes all its refresh tokens. Access tokens end by themselves, after 10 min
    /// at most.
    ///
    /// Throws `BAD_CREDENTIALS` when the old password is wrong, and `INVALID_PAYLOAD` for a common new one.
    public func changePassword(_ request: ChangePassword) async throws {
        if let problem = Self.common(request.newPassword, path: "newPassword") { throw RemoteError(problem) }
        let record = try await database.read { try $0.user(id: request.userId) }
        let hash = try record.map { try PasswordHash(phc: $0.password) }
        guard try await hasher.verify(request.oldPassword, against: hash), let record else {
            audit.record(AuditEvent(.signInFailed, subject: request.userId))
            throw RemoteError(.badCredentials, "The old password is wrong.")
        }
        let renewed = try await hasher.hash(request.newPassword).phc
        let now = environment.now()
        try await database.write { transaction in
            guard try transaction.setPassword(renewed, insteadOf: record.password, ofUser: request.userId) else {
                throw RemoteError(.badCredentials, "The password was changed meanwhile.")
            }
            try transaction.revokeSessions(ofUser: request.userId, at: now)
        }
        logger.notice("a password was changed", metadata: ["userId": "\(request.userId)"])
        audit.record(
            AuditEvent(.passwordChanged, actor: AuditEvent.user(request.userId), subject: request.userId))
    }

    /// Returns what is wrong with one of the most common passwords. Nil for another one.
    static func common(_ password: String, path: String) -> InvalidPayload? {
        guard CommonPasswords.contain(password) else { return nil }
        return InvalidPayload(violations: [
            Violation(path: path, constraint: "common", message: "is one of the most common passwords")
        ])
    }

    /// Revokes all refresh tokens of a session. An unknown token is no error.
    public func logout(_ request: Logout) async throws {
        let now = environment.now()
        let userId = try await database.write { transaction -> Int? in
            guard let (family, userId) = try transaction.family(ofRefreshToken: request.refreshToken) else {
                return nil
            }
            try transaction.revokeFamily(family, at: now)
            return userId
        }
        if let userId { logger.info("a session was ended", metadata: ["userId": "\(userId)"]) }
    }

    // MARK: Accounts

    /// Returns an account. Throws `USER_NOT_FOUND`.
    public func getUser(_ request: GetUser) async throws -> User {
        guard let record = try await database.read({ try $0.user(id: request.id) }) else {
            throw RemoteError(.userNotFound, "There is no such account.")
        }
        return record.user
    }

    /// Activates the pending account of a new vendor. Logs an error when the account does not exist.
    public func vendorCreated(_ event: EventEnvelope<VendorCreated>) async throws {
        let now = environment.now()
        let isMissing = try await database.receive(event, at: now) { transaction in
            guard let record = try transaction.user(id: event.data.userId) else { return true }
            if record.user.state == .pendingVendor { try transaction.setState(.active, ofUser: event.data.userId) }
            return false
        }
        if isMissing == true {
            logger.error(
                "a vendor has no account",
                metadata: ["vendorId": "\(event.data.vendorId)", "userId": "\(event.data.userId)"])
        }
    }
}
