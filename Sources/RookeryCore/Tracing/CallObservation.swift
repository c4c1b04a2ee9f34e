import NIOCore

/// The span and the timing of one call at its client.
struct CallObservation: Sendable {
    private let command: Command
    private let span: CallSpan?
    private let metrics: CallMetrics?
    private let keepsMessages: Bool
    private let start: NIODeadline

    init(_ command: Command, at now: NIODeadline, span: CallSpan?, keepsMessages: Bool, _ metrics: CallMetrics?) {
        self.command = command
        self.keepsMessages = keepsMessages
        self.span = span
        self.metrics = metrics
        start = now
        metrics?.began()
    }

    /// Keeps the reply for the span, if that keeps messages.
    func note(_ reply: MessageBody) {
        guard keepsMessages, case .bounded(let span)? = span else { return }
        span.trace.note(span.id, reply: Redaction.text(of: reply, as: command.reply))
    }

    /// Ends the span, and records the duration.
    func end(_ outcome: CallOutcome) {
        let now = NIODeadline.now()
        span?.end(outcome, at: now)
        guard let metrics else { return }
        metrics.ended()
        // A call without a contract may have any pattern, and a label must not.
        metrics.record(
            command.contract == nil ? nil : command.pattern, of: command, outcome,
            took: .nanoseconds((now - start).nanoseconds))
    }
}
