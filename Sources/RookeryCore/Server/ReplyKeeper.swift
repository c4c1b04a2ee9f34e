import Synchronization

/// Keeps the only reply of a command.
final class ReplyKeeper: ReplySink {
    private let kept = Mutex(Reply.none)

    var answer: Reply { kept.withLock { $0 } }

    func reply(_ value: some MessageValue) { kept.withLock { $0 = Reply(value) } }
    func end() {}
    func value(_ value: some MessageValue) async throws { reply(value) }
    func endStream() {}
}
