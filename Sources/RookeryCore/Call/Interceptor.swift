/// Stands around calls: at a client around every call, at a server around every handler. The first one is outermost.
///
/// On the way in it sees the message and its metadata, on the way out the reply, each value of a stream, or the error. It may
/// replace each of them, and what ``Tracing/ServiceContext`` says inside. Attach it with `intercepted(by:)` to a server, a client, a
/// contract or single commands. A command without interceptors takes the direct way and pays nothing.
///
/// ```swift
/// struct Timed: Interceptor {
///     func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
///         let start = ContinuousClock.now
///         defer { log(call.command.name, ContinuousClock.now - start) }
///         return try await next(call)
///     }
/// }
/// ```
public protocol Interceptor: Sendable {
    /// Calls `next`, perhaps with a changed call, to go on; a client's interceptor may do so more than once. What it throws
    /// is what the caller gets: at a server a ``RemoteError`` as it is, anything else as an internal error.
    ///
    /// The reply of a stream is there before its values are: ``Reply/mapMessages(_:)`` sees them pass.
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply
}
