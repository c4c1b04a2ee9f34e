import PetProContracts

/// Whose requests the gateway counts together.
enum RateSender: Hashable, Sendable {
    /// Everybody at an address.
    case address(String)
    /// Everybody who tries to sign in to the account of this email address, in lower case.
    case signIn(String)
    /// Everybody at an address who sends tokens that are not valid.
    case invalidTokens(String)
    /// An account, by its id, in its role.
    case account(Int, Role)
}
