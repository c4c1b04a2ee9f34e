package import RookeryCore
import RookeryWire

/// The attempts of one call so far. A value: the remaining time and randomness are parameters.
package struct RetryState: Sendable {
    /// Why a call is not tried again.
    package enum Stop: String, Sendable, Hashable {
        /// The failure is an answer.
        case final = "the failure is an answer"
        /// It may have run, and must not run twice.
        case mayHaveRun = "it may have run, and the command must not run twice"
        /// No instance can be reached.
        case unreachable = "no other instance is left to try"
        /// There were as many attempts as allowed.
        case attempts = "there were enough attempts"
        /// The peer asked not to be called again.
        case pushback = "the peer asked not to be called again"
        /// The wait would outlast the deadline.
        case deadline = "the wait would outlast the deadline"
        /// The budget is used up.
        case budget = "the retry budget is used up"
        /// Retries are off.
        case off = "retries are off"
    }

    /// What to do after a failure.
    package enum Decision: Sendable, Hashable {
        /// Try again after that time; `isCounted` attempts take from the budget.
        case retry(after: Duration, isCounted: Bool)
        /// Fail with the error.
        case stop(Stop)
    }

    private let policy: ClientConfiguration.Retry
    private let idempotency: Idempotency
    /// Attempts that count.
    package private(set) var attempts = 1
    private var hasRetriedAtOnce = false

    /// One attempt is being made.
    package init(_ policy: ClientConfiguration.Retry, _ idempotency: Idempotency) {
        self.policy = policy
        self.idempotency = idempotency
    }

    /// Whether another attempt would be possible after an ambiguous failure.
    package var mayRepeat: Bool {
        idempotency != .unsafe && attempts < policy.maximumAttempts && policy.mode == .enforce
    }

    /// An attempt failed. `hasOther` says whether there is an instance that was not tried; `remaining` is what is left of
    /// the deadline; `random` is from 0 to 1.
    package mutating func failed(
        _ failure: AttemptFailure, hasOther: Bool, remaining: Duration, random: Double
    ) -> Decision {
        if failure == .final { return .stop(.final) }
        if remaining <= .zero { return .stop(.deadline) }
        if policy.mode == .off { return .stop(.off) }
        if failure == .notSent || failure == .unreachable, hasOther { return .retry(after: .zero, isCounted: false) }
        // The first failure to connect is told at once: waiting for a reconnect is for the next call.
        if failure == .unreachable { return .stop(.unreachable) }
        if failure == .ambiguous, idempotency == .unsafe { return .stop(.mayHaveRun) }
        if failure == .ambiguousWithoutKey, idempotency != .safe { return .stop(.mayHaveRun) }
        guard attempts < policy.maximumAttempts else { return .stop(.attempts) }
        var base = policy.baseDelay
        if case .refused(let retryAfter) = failure {
            if let retryAfter, retryAfter < .zero { return .stop(.pushback) }
            // What one instance asks for is about that one.
            if hasOther, !hasRetriedAtOnce {
                hasRetriedAtOnce = true
                return counted(after: .zero, remaining)
            }
            if let retryAfter { return counted(after: retryAfter, remaining) }
            base = policy.overloadedBaseDelay
        }
        let most = min(policy.maximumDelay.inSeconds, base.inSeconds * Double(1 << min(attempts, 20)))
        return counted(after: .nanoseconds(Int64(most * random * 1e9)), remaining)
    }

    private mutating func counted(after delay: Duration, _ remaining: Duration) -> Decision {
        if delay >= remaining { return .stop(.deadline) }
        attempts += 1
        return .retry(after: delay, isCounted: true)
    }
}

extension RemoteError {
    /// How long the peer asks to be left alone: `details.retryAfterMs`; negative for good.
    package var retryAfter: Duration? { details?["retryAfterMs"]?.intValue.map { .milliseconds($0) } }
}

extension ClientConfiguration.Retry {
    /// Whether an ambiguous failure of that many attempts may be followed by another one.
    package func repeats(_ idempotency: Idempotency, after attempts: Int) -> Bool {
        idempotency != .unsafe && attempts < maximumAttempts && mode == .enforce
    }
}
