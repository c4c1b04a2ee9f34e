/// See ``_DecodingRules``.
@usableFromInline package typealias DecodingRules = _DecodingRules

/// The checks that a decoder makes. It always checks types.
public struct _DecodingRules: Sendable {
    /// Whether to check the constraints of members. Default true, for messages that enter a service. A client does not
    /// check the replies of its service again.
    package var checksConstraints: Bool
    /// Whether members without a property are violations. Default false: the decoder skips them.
    package var forbidsUnknown: Bool
    /// Decrypts encrypted members. Nil: they are violations.
    package var fields: FieldCipher?

    package init(checksConstraints: Bool = true, forbidsUnknown: Bool = false) {
        self.checksConstraints = checksConstraints
        self.forbidsUnknown = forbidsUnknown
    }

    /// Checks types and constraints.
    public static let all = _DecodingRules()
    /// Checks only types, for data that its writer has checked: a reply, or a row of the service's own database.
    public static let types = _DecodingRules(checksConstraints: false)
}
