import Foundation

/// The form of an email address by which accounts are found, and by which attempts to sign in are counted.
public enum EmailKey {
    /// Returns the address trimmed, composed (NFKC) and in lower case.
    public static func of(_ email: String) -> String {
        email.trimmingCharacters(in: .whitespaces).precomposedStringWithCompatibilityMapping.lowercased()
    }
}
