import PetProContracts

/// Whose requests the gateway counts together.
enum RateSender: Hashable, Sendable {
    /// All clients at an address.
    case address(String)
    /// All clients that try to sign in to the account of this email address.
    case signIn(String)
    /// All clients at an address that send tokens that are not valid.
    case invalidTokens(String)
    /// All clients at an address that show a wrong token of the console, or of its spans.
    case consoleTokens(String)
    /// An account, by its id, in its role.
    case account(Int, Role)
}
