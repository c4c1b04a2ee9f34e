/// A setting as it is in force.
package struct ShownSetting: Sendable, Hashable {
    /// The keys under which it is looked for: its own first, then those that are for several.
    package let keys: [String]
    /// As it would be written.
    package let value: String

    /// Names both.
    package init(keys: [String], value: String) {
        self.keys = keys
        self.value = value
    }
}
