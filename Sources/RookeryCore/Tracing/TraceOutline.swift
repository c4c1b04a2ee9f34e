/// What one process knows of the way that a request took, as a number: the commands that were called and handled, in the order of their
/// beginnings, what each was within, and the codes of those that ended with an error.
///
/// Equal outlines mean the same way. The same way may have several outlines, because events, and the handling of retries, are in it too.
package struct TraceOutline: Sendable, Hashable {
    /// The same in all processes.
    package let value: UInt64
    /// Whether the trace has had further requests to this process. Other processes have one outline for all of them.
    package let isShared: Bool
}
