import PetProContracts

/// Whose requests the gateway counts together.
enum RateSender: Hashable, Sendable {
    /// Everybody at an address.
    case address(String)
    /// Everybody who tries to sign in to the account of this email address, in lower case.
    case signIn(String)
    /// An account, by its id, in its role.
    case account(Int, Role)
}
