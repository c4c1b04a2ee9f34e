import NIOCore

/// The values of a stream that is opened again when it breaks, so that its reader does not notice.
struct ResumedStream: AsyncSequence, Sendable {
    typealias Permission = @Sendable (_ error: any Error, _ failures: Int) async throws -> Bool
    typealias Opening = @Sendable (_ after: String?) async throws -> MessageStream<MessageBody>

    private let first: MessageStream<MessageBody>
    private let resumption: StreamResumption
    private let patience: Duration
    private let reopen: Opening
    private let mayReopen: Permission

    /// Reads `first`, and when that breaks, what `reopen` returns for the last cursor. `mayReopen` waits before each opening, and
    /// returns false if there must be none.
    init(
        _ first: MessageStream<MessageBody>, _ resumption: StreamResumption, patience: Duration,
        mayReopen: @escaping Permission, reopen: @escaping Opening
    ) {
        self.first = first
        self.resumption = resumption
        self.patience = patience
        self.mayReopen = mayReopen
        self.reopen = reopen
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        private let stream: ResumedStream
        private var state: ResumptionState
        /// Nil between a break and the next opening.
        private var base: MessageStream<MessageBody>.AsyncIterator?

        init(_ stream: ResumedStream) {
            self.stream = stream
            state = ResumptionState(stream.resumption, patience: stream.patience)
            base = stream.first.makeAsyncIterator()
        }

        mutating func next() async throws -> MessageBody? {
            while true {
                do {
                    guard let value = try await base?.next() else { return nil }
                    state.received(cursor: try stream.resumption.cursor(of: value))
                    return value
                } catch {
                    try await resume(after: error)
                }
            }
        }

        private mutating func resume(after broken: any Error) async throws {
            base = nil
            var error = broken
            while base == nil {
                guard case .reopen(let cursor, let failures) = state.broke(error, at: .now()),
                    try await stream.mayReopen(error, failures)
                else { throw error }
                do {
                    base = try await stream.reopen(cursor).makeAsyncIterator()
                } catch let failure {
                    error = failure
                }
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
