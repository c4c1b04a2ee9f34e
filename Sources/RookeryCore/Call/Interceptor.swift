/// Code around calls: around every call of a client, and around every handler of a server. The first interceptor is the
/// outermost one.
///
/// On the way in, an interceptor sees the message and its metadata. On the way out, it sees the reply, each value of a
/// stream, or the error. It may replace each of them, and the ``Tracing/ServiceContext`` of the code inside. Attach it
/// with `intercepted(by:)` to a server, a client, a contract or single commands. A command without interceptors takes
/// the direct path at no cost.
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
    /// Handles a call. Call `next` to continue, perhaps with a changed call. A client's interceptor may call it several
    /// times.
    ///
    /// The caller receives the error that this method throws. A server sends a ``RemoteError`` unchanged and an
    /// ``InvalidPayload`` with its violations. It sends any other error as an internal error.
    ///
    /// The reply of a stream comes before its values. Use ``Reply/mapMessages(_:)`` to see the values.
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply
}
