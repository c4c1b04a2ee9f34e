/// What an operator chooses for services.
public struct ServiceOptions: Sendable {
    /// Whether demo data is entered into an empty platform.
    public var demo: Bool
    /// The file of the keys that sign tokens.
    public var signingKeys: String
    /// The logarithm of scrypt's N.
    public var passwordCost: Int
    /// Whether new vendors wait for an admin.
    public var vendorsNeedApproval: Bool

    /// Names them.
    public init(demo: Bool, signingKeys: String, passwordCost: Int, vendorsNeedApproval: Bool) {
        self.demo = demo
        self.signingKeys = signingKeys
        self.passwordCost = passwordCost
        self.vendorsNeedApproval = vendorsNeedApproval
    }
}
