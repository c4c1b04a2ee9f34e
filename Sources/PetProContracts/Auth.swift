public import Rookery

/// The commands and events of the Auth service: accounts and tokens.
@Contract
public protocol AuthAPI: Sendable {
    /// Reports whether a token is valid. An invalid token is a reply, not an error.
    @MessagePattern(cmd: "validate-token", .safe, errors: [])
    func validateToken(_ request: ValidateToken) async throws -> TokenValidation

    /// Creates an account. A repetition of the same registration with the same password returns the same account.
    ///
    /// The registration key identifies a repetition. For a pending account, the email address and the role suffice.
    @MessagePattern(cmd: "create-user", .keyed, group: AuthGroups.passwords, errors: [.emailTaken, .keyReused])
    func createUser(_ request: CreateUser) async throws -> User

    /// Deletes a pending account that the same attempt created, unless another attempt has continued it. An account
    /// that does not exist is no error.
    @MessagePattern(cmd: "delete-user", .keyed, errors: [.userNotPending])
    func deleteUser(_ request: DeleteUser) async throws

    /// Erases an account and its sessions for good. The other services erase the person's data when they get the event. An
    /// account that does not exist is no error; the account of an administrator or operator is `FORBIDDEN`, and one under a
    /// legal hold is `ACCOUNT_HELD`.
    @MessagePattern(cmd: "erase-user", .keyed, errors: [.forbidden, .accountHeld])
    func eraseUser(_ request: EraseUser) async throws

    /// Exchanges email and password for tokens.
    @MessagePattern(cmd: "login", group: AuthGroups.passwords, errors: [.badCredentials, .accountDisabled])
    func login(_ request: Login) async throws -> TokenPair

    /// Exchanges a refresh token for new tokens. A refresh token is used once; after a lost reply it may be repeated
    /// within 10 s.
    @MessagePattern(cmd: "refresh-token", errors: [.tokenRevoked])
    func refreshToken(_ request: RefreshToken) async throws -> TokenPair

    /// Changes the password of an account, which needs the old one, and revokes all its refresh tokens. An account that does
    /// not exist has no password: `BAD_CREDENTIALS`.
    @MessagePattern(cmd: "change-password", group: AuthGroups.passwords, errors: [.badCredentials])
    func changePassword(_ request: ChangePassword) async throws

    /// Revokes the refresh token's whole family.
    @MessagePattern(cmd: "logout", .keyed, errors: [])
    func logout(_ request: Logout) async throws

    /// Returns the public keys with which anybody can check access tokens.
    @MessagePattern(cmd: "get-signing-keys", .safe, errors: [])
    func getSigningKeys() async throws -> SigningKeySet

    /// Returns an account by its id.
    @MessagePattern(cmd: "get-user", .safe, errors: [.userNotFound])
    func getUser(_ request: GetUser) async throws -> User

    /// Activates the pending account of a new vendor.
    @EventPattern("vendor.created")
    func vendorCreated(_ event: EventEnvelope<VendorCreated>) async throws
}

/// The groups (bulkheads) of Auth's commands.
public enum AuthGroups {
    /// Commands that hash a password. Their own group keeps a flood of them from blocking the validation of tokens.
    public static let passwords = "passwords"
}

/// The role of an account, which determines what it may do.
@Message
public enum Role: String, CaseIterable {
    /// Books services.
    case customer
    /// Offers services.
    case vendor
    /// Runs the platform.
    case admin
    /// Watches the platform.
    case ops
}

/// The state of an account.
@Message
public enum UserState: String, CaseIterable {
    /// A vendor's account whose vendor does not exist yet.
    case pendingVendor = "pending_vendor"
    /// The account is in use.
    case active
    /// An admin has disabled the account.
    case disabled
    /// The account is deleted.
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

/// The account of a token, or why the token is not valid.
@Message
public struct TokenValidation: Hashable {
    public var valid: Bool
    public var user: TokenUser?
    public var expiresAt: Instant?
    /// `malformed`, `expired`, `unknown_user` or `disabled`.
    @NotPersonal("one of four words") public var reason: String?
}

/// The account that a token identifies.
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
    /// Identifies the registration, so that a repetition can continue it.
    @Line(1...128) @NotPersonal("chosen by the client for one registration") public var registrationKey: String?
    /// A digest of the registration without its password. The same key with another digest is refused.
    @Line(1...128) @Sensitive public var registrationDigest: String?
    /// Identifies this attempt to register. Only the attempt that created an account may delete it.
    @Line(1...128) @NotPersonal("random") public var attempt: String?
}

@Message
public struct DeleteUser {
    @InRange(ID.range) public var id: Int
    @Line(1...128) @NotPersonal("random") public var attempt: String
}

@Message
public struct EraseUser {
    @InRange(ID.range) public var id: Int
}

@Message
public struct Login {
    @Length(1...254) @PII(.email) public var email: String
    @Length(1...128) @Sensitive public var password: String
}

@Message
public struct ChangePassword {
    @InRange(ID.range) public var userId: Int
    @Length(1...128) @Sensitive public var oldPassword: String
    @Length(8...128) @NotBlank @Sensitive public var newPassword: String
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

/// The public keys of access tokens (RFC 7517). The last one signs.
@Message
public struct SigningKeySet: Hashable {
    @Items(1...100) public var keys: [SigningKey]
}

/// An Ed25519 public key (RFC 8037).
@Message
public struct SigningKey: Hashable {
    @NotPersonal("OKP") public var kty: String
    @NotPersonal("Ed25519") public var crv: String
    /// The `kid` in the header of the tokens that it checks.
    @NotPersonal("the id of a key") public var kid: String
    /// The key in base64url.
    @NotPersonal("a public key") public var x: String
    @NotPersonal("EdDSA") public var alg: String
    @NotPersonal("sig") public var use: String
}

/// The tokens of one session.
@Message
public struct TokenPair {
    @Sensitive public var accessToken: String
    @Sensitive public var refreshToken: String
    public var expiresAt: Instant
    public var user: User
}
