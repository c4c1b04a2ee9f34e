import Synchronization

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

/// Takes answers that are of no interest.
package final class DiscardingSink: ReplySink {
    /// One is enough.
    package static let shared = DiscardingSink()
    /// Does nothing.
    package func reply(_ value: some MessageValue) {}
    /// Does nothing.
    package func end() {}
    /// Does nothing.
    package func value(_ value: some MessageValue) async throws {}
    /// Does nothing.
    package func endStream() {}
}

/// Keeps the one answer of a command.
final class ReplyKeeper: ReplySink {
    private let kept = Mutex(Reply.none)

    var answer: Reply { kept.withLock { $0 } }

    func reply(_ value: some MessageValue) { kept.withLock { $0 = Reply(value) } }
    func end() {}
    func value(_ value: some MessageValue) async throws { reply(value) }
    func endStream() {}
}
