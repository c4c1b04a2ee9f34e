/// Where a frame began in a ``ValueWriter``.
package struct FrameMark: Sendable {
    @usableFromInline static let room = 4
    /// Where the frame's body begins, until its end is written.
    package var bodyStart: Int { start + FrameMark.room }
    @usableFromInline let start: Int
    @usableFromInline let surplus: Int

    @usableFromInline
    init(start: Int, surplus: Int) {
        self.start = start
        self.surplus = surplus
    }
}
