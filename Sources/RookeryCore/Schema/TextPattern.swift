/// Text constraints as regular expressions that mean the same in JavaScript, Python and Java.
enum TextPattern {
    /// The control characters that a line must not contain: C0, DEL, C1, and the two separators that end a line.
    private static let control = #"\u0000-\u001f\u007f-\u009f\u2028\u2029"#
    /// The control characters that a text of several lines must not contain.
    private static let controlButBreaks = #"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"#
    /// White space (Unicode `White_Space`).
    private static let space = #"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"#

    /// One line that is not blank.
    static let line = "^[^\(control)]*[^\(control)\(space)][^\(control)]*$"
    /// One line, or nothing.
    static let lineOrNothing = "^[^\(control)]*$"
    /// Several lines.
    static let text = "^[^\(controlButBreaks)]*$"
    /// Text that is not only white space.
    static let notBlank = "[^\(space)]"
}
