public import Rookery

/// Accounts and tokens.
@Contract
public protocol AuthAPI: Sendable {
    /// Says whether a token is good; a bad one is a reply, not an error.
    @MessagePattern(cmd: "validate-token", .safe)
    func validateToken(_ request: ValidateToken) async throws -> TokenValidation

    /// Makes an account. Idempotent by registration key. `EMAIL_TAKEN`, `KEY_REUSED`.
    @MessagePattern(cmd: "create-user", .keyed)
    func createUser(_ request: CreateUser) async throws -> User

    /// Takes a pending account back; done already is done. `USER_NOT_PENDING`.
    @MessagePattern(cmd: "delete-user", .keyed)
    func deleteUser(_ request: DeleteUser) async throws

    /// Trades email and password for tokens. `BAD_CREDENTIALS`, `ACCOUNT_DISABLED`.
    @MessagePattern(cmd: "login")
    func login(_ request: Login) async throws -> TokenPair

    /// Trades a refresh token for new tokens; each is good once. `TOKEN_REVOKED`.
    @MessagePattern(cmd: "refresh-token")
    func refreshToken(_ request: RefreshToken) async throws -> TokenPair

    /// Revokes the refresh token's whole family.
    @MessagePattern(cmd: "logout", .keyed)
    func logout(_ request: Logout) async throws

    /// `USER_NOT_FOUND`.
    @MessagePattern(cmd: "get-user", .safe)
    func getUser(_ request: GetUser) async throws -> User

    /// Activates the pending account of a new vendor.
    @EventPattern("vendor.created")
    func vendorCreated(_ event: VendorCreatedEvent) async throws
}

/// What an account may do.
@Message
public enum Role: String, CaseIterable {
    /// Books.
    case customer
    /// Offers services.
    case vendor
    /// Runs the platform.
    case admin
    /// Watches the platform.
    case ops
}

/// Where an account is in its life.
@Message
public enum UserState: String, CaseIterable {
    /// A vendor's account whose vendor does not exist yet.
    case pendingVendor = "pending_vendor"
    /// In use.
    case active
    /// Shut by an admin.
    case disabled
    /// Gone.
    case deleted
}

/// An account, without its secrets.
@Message
public struct User: Hashable {
    public var id: Int
    @PII(.email) public var email: String
    @PII(.name) public var name: String
    public var role: Role
    public var state: UserState
    public var createdAt: Instant
}

@Message
public struct ValidateToken {
    @Sensitive @Length(1...4096) public var token: String
}

/// Whose token it is, or why it is not good.
@Message
public struct TokenValidation: Hashable {
    public var valid: Bool
    public var user: TokenUser?
    public var expiresAt: Instant?
    /// `malformed`, `expired`, `unknown_user` or `disabled`.
    public var reason: String?
}

/// The account a token speaks for.
@Message
public struct TokenUser: Hashable {
    public var id: Int
    public var role: Role
    public var state: UserState
}

@Message
public struct CreateUser {
    @Email @PII(.email) public var email: String
    @Length(8...128) @Sensitive public var password: String
    @Length(1...100) @PII(.name) public var name: String
    public var role: Role
    /// Ties the account to one registration, so that it can be resumed or taken back.
    @Length(1...128) public var registrationKey: String?
    /// A digest of the whole registration: the key with another one is refused.
    @Length(1...128) public var registrationHash: String?
}

@Message
public struct DeleteUser {
    public var id: Int
    @Length(1...128) public var registrationKey: String
}

@Message
public struct Login {
    @Length(1...254) @PII(.email) public var email: String
    @Length(1...128) @Sensitive public var password: String
}

@Message
public struct RefreshToken {
    @Length(1...256) @Sensitive public var refreshToken: String
}

@Message
public struct Logout {
    @Length(1...256) @Sensitive public var refreshToken: String
}

@Message
public struct GetUser {
    public var id: Int
}

/// Tokens for one session.
@Message
public struct TokenPair {
    @Sensitive public var accessToken: String
    @Sensitive public var refreshToken: String
    public var expiresAt: Instant
    public var user: User
}
