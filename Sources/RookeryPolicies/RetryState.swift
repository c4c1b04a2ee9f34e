package import RookeryCore
import RookeryWire

/// Decides whether one call gets another attempt. A value: the remaining time and randomness are parameters.
package struct RetryState: Sendable {
    /// Why a call gets no further attempt.
    package enum Stop: String, Sendable, Hashable {
        /// The command itself answered, or another attempt would fail in the same way.
        case final = "the failure is final"
        /// The command may have run, and must not run twice.
        case mayHaveRun = "the command may have run, and must not run twice"
        /// The instance is unreachable, and there is no untried instance.
        case unreachable = "no other instance is left to try"
        /// The call has used ``ClientConfiguration/Retry/maximumAttempts``.
        case attempts = "the call has used all its attempts"
        /// The peer asked not to be called again.
        case pushback = "the peer asked not to be called again"
        /// The wait would outlast the deadline.
        case deadline = "the wait would outlast the deadline"
        /// The retry budget is used up.
        case budget = "the retry budget is used up"
        /// Retries are off.
        case off = "retries are off"
    }

    /// What follows a failed attempt.
    package enum Decision: Sendable, Hashable {
        /// Make another attempt after this delay. If `isCounted`, the attempt takes a retry from the budget.
        case retry(after: Duration, isCounted: Bool)
        /// Fail the call with the error of the attempt.
        case stop(Stop)
    }

    private let policy: ClientConfiguration.Retry
    private let idempotency: Idempotency
    /// The attempts so far that count towards ``ClientConfiguration/Retry/maximumAttempts``.
    package private(set) var attempts = 1
    private var hasRetriedAtOnce = false

    /// Makes the state of a call whose first attempt has started.
    package init(_ policy: ClientConfiguration.Retry, _ idempotency: Idempotency) {
        self.policy = policy
        self.idempotency = idempotency
    }

    /// Whether another attempt would be possible after an ambiguous failure.
    package var mayRepeat: Bool {
        idempotency != .unsafe && attempts < policy.maximumAttempts && policy.mode == .enforce
    }

    /// Decides what follows a failed attempt.
    ///
    /// `hasOther` says whether an untried instance can take the next attempt. `remaining` is the time until the
    /// deadline. `random` is from 0 to 1, for jitter.
    package mutating func failed(
        _ failure: AttemptFailure, hasOther: Bool, remaining: Duration, random: Double
    ) -> Decision {
        if failure == .final { return .stop(.final) }
        if remaining <= .zero { return .stop(.deadline) }
        if policy.mode == .off { return .stop(.off) }
        if failure == .notSent || failure == .unreachable, hasOther { return .retry(after: .zero, isCounted: false) }
        // Without another instance the call fails at once. It does not wait for a reconnect.
        if failure == .unreachable { return .stop(.unreachable) }
        if failure == .ambiguous, idempotency == .unsafe { return .stop(.mayHaveRun) }
        if failure == .ambiguousWithoutKey, idempotency != .safe { return .stop(.mayHaveRun) }
        guard attempts < policy.maximumAttempts else { return .stop(.attempts) }
        var base = policy.baseDelay
        if case .refused(let retryAfter) = failure {
            if let retryAfter, retryAfter < .zero { return .stop(.pushback) }
            // `retryAfter` applies to the instance that sent it, so another instance gets one attempt at once.
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
    /// How long the peer asks callers to wait: `details.retryAfterMs`, in milliseconds.
    ///
    /// Negative: do not call again. Nil: the peer did not say.
    package var retryAfter: Duration? { details?["retryAfterMs"]?.intValue.map { .milliseconds($0) } }
}

extension ClientConfiguration.Retry {
    /// Whether another attempt may follow an ambiguous failure after `attempts` attempts.
    package func repeats(_ idempotency: Idempotency, after attempts: Int) -> Bool {
        idempotency != .unsafe && attempts < maximumAttempts && mode == .enforce
    }
}
