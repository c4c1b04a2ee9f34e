/// Formats members for the description of a message.
public enum _MessageText {
    /// The description of a value.
    public static func of(_ value: some Any) -> String { String(describing: value) }
    /// The description of a value, or `nil`.
    public static func of(_ value: (some Any)?) -> String { value.map { String(describing: $0) } ?? "nil" }
}
