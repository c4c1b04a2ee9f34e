/// Kinds of personal data.
public enum PersonalData: Sendable {
    /// Email addresses.
    case email
    /// Names of people.
    case name
    /// Telephone numbers.
    case phone
    /// Postal addresses.
    case address
    /// Free text, which may contain anything.
    case notes
}
