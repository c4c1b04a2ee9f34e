import Rookery

/// A job whose closure returns a result. Only the database's thread touches the outcome, until the job is finished.
final class ResultJob<Result: Sendable>: DatabaseJob, @unchecked Sendable {
    private let body: @Sendable (Transaction) throws -> Result
    private let continuation: UnsafeContinuation<Result, any Error>
    private var outcome: Swift.Result<Result, any Error> = .failure(CancellationError())

    /// Makes a job. The queue or a thread finishes every job, which resumes `continuation`.
    init(
        _ access: Access, _ executor: LoopExecutor?, _ readAhead: ReadAhead?,
        _ continuation: UnsafeContinuation<Result, any Error>,
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) {
        self.body = body
        self.continuation = continuation
        super.init(access, executor, readAhead: readAhead)
    }

    override func run(_ transaction: Transaction) throws {
        transaction.surroundings = surroundings
        outcome = .success(try body(transaction))
    }
    override func failed(_ error: any Error) { outcome = .failure(error) }
    override func finish() { continuation.resume(with: outcome) }
}
