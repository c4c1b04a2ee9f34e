/// A decision about a call, and its reason. The client logs and counts it, and keeps it in the call's trace.
package enum CallDecision: Sendable, Hashable {
    /// The client chose an instance for an attempt.
    case picked(Instance, attempt: Int)
    /// Another attempt follows after a delay.
    case retried(after: Duration, because: String)
    /// A stream that broke is opened again after a delay.
    case reopened(after: Duration, because: String)
    /// No further attempt follows.
    case notRetried(RetryState.Stop)
    /// A breaker refused the call.
    case rejected(by: BreakerOwner, retryAfter: Duration)
    /// As many calls of the group as the limit allows were under way.
    case limited(Int)
    /// The client ejected an instance.
    case ejected(Instance, for: Duration)
    /// An ejected instance answered a call that tested it, and takes part again.
    case readmitted(Instance)
    /// The client cannot connect to an instance, which backs off.
    case unreachable(Instance, for: Duration)
    /// A breaker changed its position.
    case breaker(BreakerOwner, CircuitBreaker.Transition)
    /// A guard in mode `observe` would have decided this. The text continues "would have been".
    case observed(String)

    /// What a breaker guards.
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

    /// The name of the decision in metrics and logs.
    package var kind: String {
        switch self {
        case .picked: "picked"
        case .retried: "retried"
        case .reopened: "reopened"
        case .notRetried: "not_retried"
        case .rejected: "rejected"
        case .limited: "limited"
        case .ejected: "ejected"
        case .readmitted: "readmitted"
        case .unreachable: "unreachable"
        case .breaker: "breaker"
        case .observed: "observed"
        }
    }
}

extension CallDecision: CustomStringConvertible {
    /// The decision as text, for logs and traces.
    package var description: String {
        switch self {
        case .picked(let instance, let attempt): "picked \(instance) for attempt \(attempt)"
        case .retried(let delay, let why): "retried after \(delay.nanoseconds / 1_000_000) ms: \(why)"
        case .reopened(let delay, let why): "opened again after \(delay.nanoseconds / 1_000_000) ms: \(why)"
        case .notRetried(let stop): "not retried: \(stop.rawValue)"
        case .rejected(let owner, let time):
            "rejected by the breaker of \(owner), for \(time.nanoseconds / 1_000_000) ms"
        case .limited(let count): "refused: \(count) calls are under way"
        case .ejected(let instance, let time): "ejected \(instance) for \(time.nanoseconds / 1_000_000) ms"
        case .readmitted(let instance): "readmitted \(instance), which answers again"
        case .unreachable(let instance, let time):
            "\(instance) cannot be reached, backing off for \(time.nanoseconds / 1_000_000) ms"
        case .breaker(let owner, let transition):
            "breaker of \(owner): \(transition.from.rawValue) → \(transition.to.rawValue), "
                + transition.reason
        case .observed(let text): "would have been \(text)"
        }
    }
}
