import NIOCore
import RookeryCore
import RookeryPolicies
import Synchronization
import Tracing

extension Destination {
    /// An attempt under way: its place at its instance and at the breakers, given back when it goes away.
    struct Attempt: ~Copyable {
        private let destination: Destination
        private let attempt: DestinationMachine.Attempt
        private let beganAt: NIODeadline
        /// Answers that take longer are slow.
        private let slow: Duration
        private let span: (any Span)?
        /// The call as it is made this time.
        let call: Call
        let transport: any InstanceTransport
        private var isEnded = false

        init(
            _ destination: Destination, _ attempt: DestinationMachine.Attempt, at now: NIODeadline, slow: Duration,
            _ span: (any Span)?, _ call: Call, _ transport: any InstanceTransport
        ) {
            self.destination = destination
            self.attempt = attempt
            beganAt = now
            self.slow = slow
            self.span = span
            self.call = call
            self.transport = transport
        }

        var instance: Instance { attempt.instance }

        /// With `endsCall`, the call is over as well.
        consuming func ended(_ result: AttemptResult, _ outcome: CallOutcome, endsCall: Bool = false) {
            isEnded = true
            span?.end(outcome)
            destination.ended(
                attempt, result, beganAt, destination.environment.now(), call.command,
                endsCall: endsCall)
        }

        consuming func answered() {
            isEnded = true
            span?.end(.success)
            let now = destination.environment.now()
            destination.ended(
                attempt, now.since(beganAt) > slow ? .answeredLate : .answered, beganAt, now, call.command,
                endsCall: true)
        }

        deinit {
            if !isEnded {
                span?.end(CallOutcome(CancellationError()))
                destination.ended(attempt, .abandoned, beganAt, destination.environment.now(), call.command)
            }
        }
    }

    /// A call from its beginning to its end, with all its attempts: its place among those under way, given back when it goes
    /// away.
    struct CallCourse: ~Copyable {
        private let destination: Destination
        private let call: Call
        /// Made when the first attempt has failed.
        private var retry: RetryState?
        private var tried: [Instance] = []
        /// Why an earlier attempt has no answer although it may have run.
        private var doubt: (any Error)?
        /// Whether it has a place among the calls under way.
        private var isUnderWay = false

        init(_ destination: Destination, _ call: Call) {
            self.destination = destination
            self.call = call
        }

        deinit {
            if isUnderWay { destination.state.withLock { $0.machine.callEnded(group: call.command.group) } }
        }

        /// The next attempt. With the first one the call takes its place: throws when there are too many.
        mutating func begin() throws -> Attempt {
            do {
                let attempt = try destination.attempt(call, retry, avoiding: tried, beginsCall: !isUnderWay)
                isUnderWay = true
                return attempt
            } catch {
                throw settled(error)
            }
        }

        /// The call was answered.
        mutating func answered(_ attempt: consuming Attempt) {
            isUnderWay = false
            attempt.answered()
        }

        /// What there is to wait for is not this call's any more.
        mutating func sent(_ attempt: consuming Attempt) {
            isUnderWay = false
            attempt.ended(.sent, .success, endsCall: true)
        }

        /// That the last attempt was never sent says nothing about the ones before: a call that may have run may have run,
        /// unless the command itself has answered in the end.
        private func settled(_ error: any Error) -> any Error {
            guard let doubt, call.command.idempotency != .safe else { return error }
            if error is RemoteError, FailedAttempt(error).failure == .final { return error }
            if let error = error as? CallError, error.wasWritten { return error }
            if error is CancellationError { return error }
            return CallError(
                (doubt as? CallError)?.code ?? .connectionLost,
                "Whether \(call.command.name) ran is unknown, and it cannot be asked again.", wasWritten: true,
                cause: "\(doubt); then \(error)")
        }

        /// How long to wait before the next attempt; throws when there is none.
        mutating func failed(_ error: any Error, _ attempt: consuming Attempt) throws -> Duration {
            let instance = attempt.instance
            let failed = FailedAttempt(error)
            attempt.ended(failed.result, CallOutcome(error))
            if !tried.contains(instance) { tried.append(instance) }
            var state =
                retry
                ?? RetryState(destination.retryPolicy(of: call.command), destination.idempotency(of: call.command))
            defer { retry = state }
            switch failed.failure {
            case .ambiguous, .ambiguousWithoutKey: doubt = error
            case .unreachable, .notSent, .refused, .final: break
            }
            do {
                return try destination.next(after: failed, call, &state, tried)
            } catch {
                throw settled(error)
            }
        }
    }
}
