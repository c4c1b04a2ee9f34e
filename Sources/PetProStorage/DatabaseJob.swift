import Rookery

/// A closure that waits for its turn in a database.
class DatabaseJob: @unchecked Sendable {
    // Handed from its caller to the database's thread and back; what changes is only touched by the thread.

    private let source: (any MessageContextSource)?
    /// The executor of the loop that its caller waits on; nil when that waits elsewhere.
    let executor: LoopExecutor?
    /// What kind of transaction the closure runs in.
    let access: Access

    /// Kinds of transactions.
    enum Access: Sendable {
        /// Sees one consistent state.
        case read
        /// Changes it.
        case write
        /// None at all.
        case bare
    }

    init(_ access: Access, _ executor: LoopExecutor? = nil) {
        source = MessageContext.source
        self.access = access
        self.executor = executor
    }

    /// Throws `DEADLINE_EXCEEDED` when it writes, and the message that it belongs to has no time left.
    func checkDeadline() throws {
        if access == .write { try source?.messageContext.checkDeadline() }
    }

    /// Runs the closure and keeps what it gives; it may run again. Throws what the closure throws.
    func run(_ transaction: Transaction) throws {}

    /// It will throw that to its caller, unless it runs again.
    func failed(_ error: any Error) {}

    /// Answers its caller, once. What the caller does then runs elsewhere.
    func finish() {}
}
