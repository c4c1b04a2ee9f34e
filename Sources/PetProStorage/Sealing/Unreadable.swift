/// A sealed value cannot be opened: it is damaged, was moved, or needs another key.
///
/// All of these are one error, so that nobody can learn from it what is wrong.
public struct Unreadable: Error, CustomStringConvertible {
    /// Says that the value cannot be opened.
    public let description = "a sealed value cannot be opened"

    /// Makes the error.
    public init() {}
}
