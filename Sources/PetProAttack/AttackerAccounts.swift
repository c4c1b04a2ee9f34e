import PetProTesting
import Rookery

/// The accounts of one attacker, who begins with those of the demo, and opens a new one, at a new address, when an account is
/// over its limit.
struct AttackerAccounts {
    private let victim: HTTP
    private let attacker: Int
    private var opened = 0
    /// The tokens, by role.
    private var tokens: [String: String] = [:]
    /// The roles whose demo account is over its limit.
    private var opens: Set<String> = []

    init(_ victim: HTTP, _ attacker: Int) {
        self.victim = victim
        self.attacker = attacker
    }

    /// Returns a client at the attacker's address, and the token of an account that has one of these roles. No token where no
    /// role is needed. Throws when the platform refuses a new account.
    mutating func next(of roles: [String]) async throws -> (http: HTTP, token: String?) {
        var http: HTTP { victim.at(LoadRates.address(40_000 + attacker * 5000 + opened % 5000)) }
        guard let role = roles.randomElement() else {
            // Registrations and sign-ins, of which an address has 20 a minute.
            opened += 1
            return (http, nil)
        }
        if let token = tokens[role] { return (http, token) }
        opened += 1
        let token =
            switch (role, opens.contains(role)) {
            case ("customer", true): try await http.makeCustomer()
            case ("vendor", true): try await http.makeVendor(capacity: 1).token
            case ("customer", false): try await http.signIn("maya@petpro.example")
            case ("vendor", false): try await http.signIn("marigold@petpro.example")
            default: try await http.signIn("\(role)@petpro.example")
            }
        tokens[role] = token
        return (http, token)
    }

    /// Gives an account up, unless a client cannot open one with its role.
    mutating func drop(_ token: String?) {
        guard let role = tokens.first(where: { $0.value == token })?.key, role == "customer" || role == "vendor" else {
            return
        }
        tokens[role] = nil
        opens.insert(role)
    }
}
