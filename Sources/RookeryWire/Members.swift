/// Where a reader is in an object or array.
public struct _Members {
    /// Members still to come, in MessagePack, which says how many there are.
    @usableFromInline var remaining: Int
    /// Whether none was read yet, in JSON.
    @usableFromInline var isFirst = true

    @usableFromInline
    init(remaining: Int) { self.remaining = remaining }
}
