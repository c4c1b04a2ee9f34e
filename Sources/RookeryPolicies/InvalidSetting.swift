/// A setting that cannot be read, or cannot work.
public struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// The setting, as in configuration: `retry.maximumAttempts`.
    public let key: String
    /// What it must be.
    public let requirement: String

    /// Names key and requirement.
    public init(_ key: String, _ requirement: String) {
        self.key = key
        self.requirement = requirement
    }

    /// Names both.
    public var description: String { "\(key) must be \(requirement)" }
}
