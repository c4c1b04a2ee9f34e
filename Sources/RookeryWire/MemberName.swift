/// A member's name, not yet copied from the text.
public struct _MemberName {
    private let text: JSONText

    @inline(__always)
    init(_ text: JSONText) { self.text = text }

    /// Whether this name equals `name`. JSON must not need to escape `name`.
    @inline(__always)
    public func matches(_ name: StaticString) -> Bool {
        if text.isEscaped { return text.string == name.description }
        guard text.count == name.utf8CodeUnitCount else { return false }
        for at in 0..<text.count where text.start[at] != name.utf8Start[at] { return false }
        return true
    }

    /// The name.
    public var string: String { text.string }
}
