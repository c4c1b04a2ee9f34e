/// What happened to a call on its way, and why: logged, counted, and kept in the call's trace.
package enum CallDecision: Sendable, Hashable {
    /// An instance was chosen for an attempt.
    case picked(Instance, attempt: Int)
    /// Another attempt follows.
    case retried(after: Duration, because: String)
    /// There is no other attempt.
    case notRetried(RetryState.Stop)
    /// A breaker let no call through.
    case rejected(by: BreakerOwner, retryAfter: Duration)
    /// There were too many calls.
    case limited(Int)
    /// An instance is left out for a while.
    case ejected(Instance, for: Duration)
    /// An instance cannot be reached, and is left alone for a while.
    case unreachable(Instance, for: Duration)
    /// A breaker changed.
    case breaker(BreakerOwner, CircuitBreaker.Transition)
    /// A guard that only observes would have decided so.
    case observed(String)

    /// Whose breaker it is.
    package enum BreakerOwner: Sendable, Hashable, CustomStringConvertible {
        /// A group of the destination's commands.
        case group(String)
        /// One instance.
        case instance(Instance)

        /// `group default`, `instance 127.0.0.1:4002`
        package var description: String {
            switch self {
            case .group(let name): "group \(name)"
            case .instance(let instance): "instance \(instance)"
            }
        }
    }

    /// The name of its kind, as in metrics.
    package var kind: String {
        switch self {
        case .picked: "picked"
        case .retried: "retried"
        case .notRetried: "not_retried"
        case .rejected: "rejected"
        case .limited: "limited"
        case .ejected: "ejected"
        case .unreachable: "unreachable"
        case .breaker: "breaker"
        case .observed: "observed"
        }
    }
}

extension CallDecision: CustomStringConvertible {
    /// In words.
    package var description: String {
        switch self {
        case .picked(let instance, let attempt): "picked \(instance) for attempt \(attempt)"
        case .retried(let delay, let why): "retried after \(delay.nanoseconds / 1_000_000) ms: \(why)"
        case .notRetried(let stop): "not retried: \(stop.rawValue)"
        case .rejected(let owner, let time):
            "rejected by the breaker of \(owner), for \(time.nanoseconds / 1_000_000) ms"
        case .limited(let count): "refused: \(count) calls are under way"
        case .ejected(let instance, let time): "ejected \(instance) for \(time.nanoseconds / 1_000_000) ms"
        case .unreachable(let instance, let time):
            "\(instance) cannot be reached, left alone for \(time.nanoseconds / 1_000_000) ms"
        case .breaker(let owner, let transition):
            "breaker of \(owner): \(transition.from.rawValue) → \(transition.to.rawValue), "
                + transition.reason
        case .observed(let text): "would have been \(text)"
        }
    }
}
