public import Rookery

/// Accounts and tokens.
@Contract
public protocol AuthAPI: Sendable {
    /// Says whether a token is good; a bad one is a reply, not an error.
    @MessagePattern(cmd: "validate-token", .safe, errors: [])
    func validateToken(_ request: ValidateToken) async throws -> TokenValidation

    /// Makes an account. The same registration again gets the same account: by its key, and while the account is
    /// pending by its content.
    @MessagePattern(cmd: "create-user", .keyed, group: AuthGroups.passwords, errors: [.emailTaken, .keyReused])
    func createUser(_ request: CreateUser) async throws -> User

    /// Takes a pending account back that the same attempt made, unless another attempt has gone on with it; done
    /// already is done.
    @MessagePattern(cmd: "delete-user", .keyed, errors: [.userNotPending])
    func deleteUser(_ request: DeleteUser) async throws

    /// Trades email and password for tokens.
    @MessagePattern(cmd: "login", group: AuthGroups.passwords, errors: [.badCredentials, .accountDisabled])
    func login(_ request: Login) async throws -> TokenPair

    /// Trades a refresh token for new tokens; each is good once.
    @MessagePattern(cmd: "refresh-token", errors: [.tokenRevoked])
    func refreshToken(_ request: RefreshToken) async throws -> TokenPair

    /// Revokes the refresh token's whole family.
    @MessagePattern(cmd: "logout", .keyed, errors: [])
    func logout(_ request: Logout) async throws

    /// An account by its id.
    @MessagePattern(cmd: "get-user", .safe, errors: [.userNotFound])
    func getUser(_ request: GetUser) async throws -> User

    /// Activates the pending account of a new vendor.
    @EventPattern("vendor.created")
    func vendorCreated(_ event: VendorCreatedEvent) async throws
}

/// The bulkheads of Auth.
public enum AuthGroups {
    /// Commands that hash a password: a flood of them must not keep tokens from being checked.
    public static let passwords = "passwords"
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
    @Length(8...128) @NotBlank @Sensitive public var password: String
    @Line(1...100) @PII(.name) public var name: String
    public var role: Role
    /// Ties the account to one registration of its email address, so that it can be resumed.
    @Line(1...128) public var registrationKey: String?
    /// A digest of the registration without its password: the key with another one is refused.
    @Line(1...128) public var registrationDigest: String?
    /// Which attempt to register this is: only the one that made an account may take it back.
    @Line(1...128) public var attempt: String?
}

@Message
public struct DeleteUser {
    @InRange(ID.range) public var id: Int
    @Line(1...128) public var attempt: String
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
    @InRange(ID.range) public var id: Int
}

/// Tokens for one session.
@Message
public struct TokenPair {
    @Sensitive public var accessToken: String
    @Sensitive public var refreshToken: String
    public var expiresAt: Instant
    public var user: User
}
