/// See ``_ReplySink``.
package typealias ReplySink = _ReplySink

/// Sends the replies to a message. Only the task that handles the message uses it.
public protocol _ReplySink: AnyObject, Sendable {
    /// Sends the only reply.
    func reply(_ value: some MessageValue)
    /// Sends the end without a value: the reply of a command that returns nothing, or the end of a stream.
    func end()
    /// Sends one value of a stream. Suspends while the peer does not read.
    ///
    /// Throws if the peer is gone or does not accept the value, and if the task is cancelled.
    func value(_ value: some MessageValue) async throws
    /// Sends the end of a stream.
    ///
    /// A sink learns only here which value was the last one. So it may hold back a value for a moment, and then send
    /// the value and the end as one packet.
    func endStream()
}
