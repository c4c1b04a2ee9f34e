/// The operator's options for services.
public struct ServiceOptions: Sendable {
    /// Whether a service inserts demo data into an empty database.
    public var demo: Bool
    /// The path of the file with the keys that sign tokens.
    public var signingKeys: String
    /// The base-2 logarithm of scrypt's N.
    public var passwordCost: Int
    /// Whether new vendors wait for the approval of an admin.
    public var vendorsNeedApproval: Bool

    /// Makes options.
    public init(demo: Bool, signingKeys: String, passwordCost: Int, vendorsNeedApproval: Bool) {
        self.demo = demo
        self.signingKeys = signingKeys
        self.passwordCost = passwordCost
        self.vendorsNeedApproval = vendorsNeedApproval
    }
}
