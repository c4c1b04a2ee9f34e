import Rookery
import Tracing

/// A closure that waits for a thread of a database.
class DatabaseJob: @unchecked Sendable {
    // Sendable, unchecked: a job passes from its caller to the database's thread and back. Only that thread touches its
    // mutable state.

    private let source: (any MessageContextSource)?
    /// The executor of the event loop on which the caller waits. Nil when the caller waits elsewhere.
    let executor: LoopExecutor?
    /// The kind of transaction in which the closure runs.
    let access: Access
    /// The address of the peer whose message needs the job. Empty for a job of the service itself.
    let peer: String
    /// What the closure reads first. Nil if that is not known.
    let readAhead: ReadAhead?
    /// The context of the caller, whose trace the events of a write continue. Nil for a read.
    let surroundings: ServiceContext?

    /// Kinds of transactions.
    enum Access: Sendable {
        /// A read transaction, which sees one consistent state.
        case read
        /// A write transaction.
        case write
        /// No transaction.
        case bare
    }

    init(
        _ access: Access, _ executor: LoopExecutor? = nil, readAhead: ReadAhead? = nil,
        source: (any MessageContextSource)? = MessageContext.source
    ) {
        self.source = source
        peer = source?.peerAddress ?? ""
        self.access = access
        self.executor = executor
        self.readAhead = readAhead
        surroundings = access == .write ? ServiceContext.current : nil
    }

    /// What the closure reads first, if an earlier job of the same transaction changes nothing of it.
    func readAhead(after earlier: DatabaseJob) -> ReadAhead? {
        guard let own = readAhead, let other = earlier.readAhead, own.isIndependent(of: other) else { return nil }
        return own
    }

    /// Throws `DEADLINE_EXCEEDED` for a write after the deadline of its message.
    func checkDeadline() throws {
        if access == .write { try source?.messageContext.checkDeadline() }
    }

    /// Runs the closure and keeps its result. The job may run again. Throws what the closure throws.
    func run(_ transaction: Transaction) throws {}

    /// Keeps the error for the caller, unless the job runs again.
    func failed(_ error: any Error) {}

    /// Resumes the caller. Call it once. The caller continues on its own executor.
    func finish() {}
}
