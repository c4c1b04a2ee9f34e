import Crypto
import Foundation
import Synchronization

/// Encrypts and decrypts the marked members of messages, with keys that may change while it is in use.
package final class FieldCipher: Sendable {
    /// How a sender encrypts, until the field key changes.
    struct Sender {
        /// `enc:v1:`, the id of the field key, and a colon.
        let prefix: String
        let keyID: String
        let salt: Data
        let key: SymmetricKey
        /// The number of this message.
        var number: UInt64 = 0
    }

    private struct Origin: Hashable {
        let keyID: String
        let salt: Data
    }

    /// The keys in use now.
    private let keys: @Sendable () -> SecretKeys
    /// Reads the keys again. Returns whether they changed.
    private let reload: @Sendable () -> Bool
    private let sender = Mutex<Sender?>(nil)
    private let received = Mutex<[Origin: SymmetricKey]>([:])
    /// The most derived keys of senders that are kept. Then all are dropped.
    private static let receivedLimit = 256

    /// Uses keys that a file provides.
    package init(keys: @escaping @Sendable () -> SecretKeys, reload: @escaping @Sendable () -> Bool = { false }) {
        self.keys = keys
        self.reload = reload
    }

    /// Returns how to encrypt the next message. Its number is good for one message.
    func begin() -> Sender {
        let sealing = keys().sealing
        return sender.withLock { sender in
            if var current = sender, current.keyID == sealing.id {
                current.number += 1
                sender = current
                return current
            }
            let salt = SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) }
            let made = Sender(
                prefix: "\(FieldKeys.prefix)\(sealing.id):", keyID: sealing.id, salt: salt,
                key: FieldKeys.senderKey(sealing.secret, salt))
            sender = made
            return made
        }
    }

    /// Returns the key of a sender. Nil when the field key is unknown.
    func key(_ id: String, _ salt: Data) -> SymmetricKey? {
        let origin = Origin(keyID: id, salt: salt)
        // A key that was taken away opens nothing any more.
        guard let secret = secret(id) else { return nil }
        if let known = received.withLock({ $0[origin] }) { return known }
        let key = FieldKeys.senderKey(secret, salt)
        received.withLock { received in
            if received.count >= Self.receivedLimit { received = [:] }
            received[origin] = key
        }
        return key
    }

    private func secret(_ id: String) -> SymmetricKey? {
        if let key = keys()[id] { return key.secret }
        // Another process may have added it just now.
        return reload() ? keys()[id]?.secret : nil
    }
}
