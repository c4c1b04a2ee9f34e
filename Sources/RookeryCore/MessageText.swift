/// How members look in a message's description.
public enum MessageText {
    /// A value's own description.
    public static func of(_ value: some Any) -> String { String(describing: value) }
    /// A value's own description, or `nil`.
    public static func of(_ value: (some Any)?) -> String { value.map { String(describing: $0) } ?? "nil" }
}

/// Kinds of personal data.
public enum PersonalData: String, Sendable, CaseIterable {
    /// Email addresses.
    case email
    /// Names of people.
    case name
    /// Telephone numbers.
    case phone
    /// Postal addresses.
    case address
    /// Free text, which may hold anything.
    case notes
}
