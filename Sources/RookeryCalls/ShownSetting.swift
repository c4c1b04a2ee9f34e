/// A setting with its current value.
package struct ShownSetting: Sendable, Hashable {
    /// The keys that can set it, the most specific one first.
    package let keys: [String]
    /// The value, as configuration would write it.
    package let value: String

    /// Makes a setting with its keys and its value.
    package init(keys: [String], value: String) {
        self.keys = keys
        self.value = value
    }
}
