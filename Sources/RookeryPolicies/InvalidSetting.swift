/// A setting that cannot be read, or cannot work.
public struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// The setting, as in configuration: `retry.maximumAttempts`.
    package let key: String
    /// What it must be.
    package let requirement: String

    package init(_ key: String, _ requirement: String) {
        self.key = key
        self.requirement = requirement
    }

    /// Names both.
    public var description: String { "\(key) must be \(requirement)" }
}
