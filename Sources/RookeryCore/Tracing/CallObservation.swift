import NIOCore

/// The span and the timing of one call at its client.
struct CallObservation: Sendable {
    private let command: Command
    private let span: CallSpan?
    private let metrics: CallMetrics?
    private let start = NIODeadline.now()

    init(_ command: Command, span: CallSpan?, _ metrics: CallMetrics?) {
        self.command = command
        self.span = span
        self.metrics = metrics
        metrics?.began()
    }

    /// Ends the span, and records the duration.
    func end(_ outcome: CallOutcome) {
        span?.end(outcome)
        guard let metrics else { return }
        metrics.ended()
        // A call without a contract may have any pattern, and a label must not.
        metrics.record(
            command.contract == nil ? nil : command.pattern, of: command, outcome,
            took: .nanoseconds((NIODeadline.now() - start).nanoseconds))
    }
}
