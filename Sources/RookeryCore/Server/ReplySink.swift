/// See ``_ReplySink``.
package typealias ReplySink = _ReplySink

/// Where the answer to a message goes. Only the task that handles the message uses it.
public protocol _ReplySink: AnyObject, Sendable {
    /// Sends the one reply.
    func reply(_ value: some MessageValue)
    /// Sends the end without a value: the reply of a command that returns nothing, and the end of a stream.
    func end()
    /// Sends one value of a stream. Suspends while the peer does not take what was sent; throws when it is gone.
    func value(_ value: some MessageValue) async throws
    /// What the last value of a stream was is not known before its end; the sink may hold a value back for an instant to
    /// merge the two. Sends the end of a stream, merged with the value when that was held.
    func endStream()
}
