/// The position of a reader inside an object or an array.
public struct _Members {
    /// MessagePack only: the number of members still to read. MessagePack states the count up front.
    @usableFromInline var remaining: Int
    /// JSON only: whether the reader has not read a member yet.
    @usableFromInline var isFirst = true

    @usableFromInline
    init(remaining: Int) { self.remaining = remaining }
}
