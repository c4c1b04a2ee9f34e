/// Whether the marked members of messages are encrypted, and with which keys.
package struct FieldEncryption: Sendable, Hashable {
    /// When members are encrypted. Encrypted ones are decrypted in any case.
    package enum Mode: String, Sendable, CaseIterable {
        /// On connections without TLS.
        case unlessTLS
        case always
        case never
    }

    /// The file of the keys. Default nil: no encryption.
    package var keys: String?
    /// Default ``Mode/unlessTLS``.
    package var mode = Mode.unlessTLS

    package init() {}

    /// Whether members are encrypted on connections with or without TLS.
    package func encrypts(overTLS isTLS: Bool) -> Bool {
        switch mode {
        case .unlessTLS: keys != nil && !isTLS
        case .always: keys != nil
        case .never: false
        }
    }
}
