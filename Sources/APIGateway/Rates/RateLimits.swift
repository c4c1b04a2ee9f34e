import PetProContracts
package import RookeryPolicies

/// How many requests a minute the gateway takes, by who sends them. 0 means no limit.
public struct RateLimits: Sendable, Hashable {
    /// Whether requests over a limit are answered 429. Default `.enforce`.
    package var mode = GuardMode.enforce
    /// Requests that register, sign in or refresh, from one address, or one /64 for IPv6, and requests with a token that is
    /// not valid. Default 20 of each.
    public var anonymous = 20
    /// Attempts to sign in to one account, from any address. Default 10.
    public var signIns = 10
    /// Requests of a customer's account. Default 60.
    public var customer = 60
    /// Requests of a vendor's account. Default 120.
    public var vendor = 120
    /// Requests of the account of an administrator or an operator. Default 300.
    public var admin = 300

    /// Makes limits with the defaults.
    public init() {}

    /// Checks the limits. Throws ``RookeryPolicies/InvalidSetting`` for one that is out of range.
    func validate() throws(InvalidSetting) {
        for (key, value) in [
            ("anonymous", anonymous), ("signIns", signIns), ("customer", customer), ("vendor", vendor),
            ("admin", admin),
        ] where !(0...1_000_000).contains(value) { throw InvalidSetting("rates.\(key)", "0 to 1000000, not \(value)") }
    }

    /// The requests a minute that one sender may make.
    func perMinute(_ sender: RateSender) -> Int {
        switch sender {
        case .address, .invalidTokens, .consoleTokens: anonymous
        case .signIn: signIns
        case .account(_, .customer): customer
        case .account(_, .vendor): vendor
        case .account(_, .admin), .account(_, .ops): admin
        }
    }
}
