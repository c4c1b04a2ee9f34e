/// Encrypts and decrypts the marked members of messages, with keys that may change while it is in use.
package final class FieldCipher: Sendable {
    /// The keys in use now.
    let keys: @Sendable () -> SecretKeys
    /// Reads the keys again. Returns whether they changed.
    let reload: @Sendable () -> Bool

    /// Uses keys that a file provides.
    package init(keys: @escaping @Sendable () -> SecretKeys, reload: @escaping @Sendable () -> Bool = { false }) {
        self.keys = keys
        self.reload = reload
    }

    /// Returns the key with an id. Another process may have added it just now.
    func key(_ id: String) -> SecretKeys.Key? {
        if let key = keys()[id] { return key }
        return reload() ? keys()[id] : nil
    }
}
