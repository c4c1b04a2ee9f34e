/// The values of a client stream, decoded with the rules of the message before them.
struct DecodedValues<Value: MessageValue>: AsyncSequence, Sendable {
    private let values: MessageStream<Payload>
    private let message: Payload

    init(values: MessageStream<Payload>, like message: Payload) {
        self.values = values
        self.message = message
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var base: MessageStream<Payload>.AsyncIterator
        fileprivate let message: Payload
        private var position = 0

        fileprivate init(_ base: MessageStream<Payload>.AsyncIterator, _ message: Payload) {
            self.base = base
            self.message = message
        }

        mutating func next() async throws -> Value? {
            guard var payload = try await base.next() else { return nil }
            payload.fields = message.fields
            payload.forbidsUnknown = message.forbidsUnknown
            defer { position += 1 }
            do {
                return try payload.decode(Value.self)
            } catch let error as InvalidPayload {
                throw InvalidPayload(violations: error.violations.map { $0.inside("values[\(position)]") })
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(values.makeAsyncIterator(), message) }
}

extension RemoteError {
    /// A message of a command with a client stream came without one. The plain wire has none.
    package static let noClientStream = RemoteError(
        .invalidPayload, "The command needs a client stream behind its message. Only Rookery clients send one.")

    /// A message came with a client stream for which the command has no use.
    package static let unwantedClientStream = RemoteError(
        .invalidPayload, "The command takes no client stream behind its message.")
}
