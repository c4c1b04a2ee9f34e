/// A sealed value cannot be opened: it is damaged, was moved, or needs another key.
///
/// All of these are one error, so that it tells an attacker nothing.
public struct Unreadable: Error, CustomStringConvertible {
    /// Says that the value cannot be opened.
    public let description = "a sealed value cannot be opened"

    /// Makes the error.
    public init() {}
}
