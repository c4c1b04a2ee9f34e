/// How members look in a message's description.
public enum _MessageText {
    /// A value's own description.
    public static func of(_ value: some Any) -> String { String(describing: value) }
    /// A value's own description, or `nil`.
    public static func of(_ value: (some Any)?) -> String { value.map { String(describing: $0) } ?? "nil" }
}
