import Synchronization

/// The values that a client sends behind its message. They can be read once, so a call that has begun to send them cannot be
/// repeated.
package final class ClientStream: Sendable {
    /// Whether the values are being read; shared with the streams that ``sealed(by:)`` makes of this one.
    private final class Begun: Sendable {
        let value = Atomic(false)
    }

    private let values: MessageStream<MessageBody>
    private let begun: Begun

    /// Makes a client stream of values that were not read before.
    package convenience init<Value: MessageValue>(_ values: MessageStream<Value>) {
        self.init(values.mapped { MessageBody($0) }, Begun())
    }

    private init(_ values: MessageStream<MessageBody>, _ begun: Begun) {
        self.values = values
        self.begun = begun
    }

    /// Whether a reader has begun. From then on the call cannot be sent again.
    package var hasBegun: Bool { begun.value.load(ordering: .relaxed) }

    /// Returns the values. Throws ``CallError/Code/invalidCall`` if they were asked for before.
    package func begin(_ command: Command) throws(CallError) -> MessageStream<MessageBody> {
        if begun.value.exchange(true, ordering: .relaxed) {
            throw CallError(.invalidCall, "The client stream of \(command.name) can be sent only once.")
        }
        return values
    }

    /// The same stream, with the marked members of its values encrypted.
    package func sealed(by cipher: FieldCipher) -> ClientStream {
        ClientStream(values.mapped { $0.sealed(by: cipher) }, begun)
    }
}
