/// The start of an unfinished frame in a ``ValueWriter``.
package struct FrameMark: Sendable {
    @usableFromInline static let room = 4
    /// The offset of the frame's body, until ``ValueWriter/endFrame(_:)`` writes the length.
    package var bodyStart: Int { start + FrameMark.room }
    @usableFromInline let start: Int
    @usableFromInline let surplus: Int

    @usableFromInline
    init(start: Int, surplus: Int) {
        self.start = start
        self.surplus = surplus
    }
}
