/// The rules for text as regular expressions that JavaScript, Python and Java read alike.
enum TextPattern {
    /// The control characters that a line must not have: C0, DEL, C1, and the two separators that end a line.
    private static let control = #"\u0000-\u001f\u007f-\u009f\u2028\u2029"#
    /// Those that a text of several lines must not have.
    private static let controlButBreaks = #"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"#
    /// White space (Unicode `White_Space`).
    private static let space = #"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"#

    /// One line that is not blank.
    static let line = "^[^\(control)]*[^\(control)\(space)][^\(control)]*$"
    /// One line, or nothing.
    static let lineOrNothing = "^[^\(control)]*$"
    /// Several lines.
    static let text = "^[^\(controlButBreaks)]*$"
    /// Not only white space.
    static let notBlank = "[^\(space)]"
}
