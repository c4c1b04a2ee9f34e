/// A setting whose value cannot be parsed or cannot work.
public struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// The key of the setting, as in configuration: `retry.maximumAttempts`.
    package let key: String
    /// What the value must be: `at least 1, not 0`.
    package let requirement: String

    package init(_ key: String, _ requirement: String) {
        self.key = key
        self.requirement = requirement
    }

    /// Key and requirement: `retry.maximumAttempts must be at least 1, not 0`.
    public var description: String { "\(key) must be \(requirement)" }
}
