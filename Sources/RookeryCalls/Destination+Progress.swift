import NIOCore
import RookeryCore
import RookeryPolicies
import Synchronization
import Tracing

extension Destination {
    /// An attempt under way. Counts at its instance and at the breakers until it ends.
    ///
    /// If it is dropped before `ended` or `answered`, it ends as abandoned.
    struct Attempt: ~Copyable {
        private let destination: Destination
        private let attempt: DestinationMachine.Attempt
        private let beganAt: NIODeadline
        /// An answer that takes longer than this is slow.
        private let slow: Duration
        private let span: CallSpan?
        /// The call as this attempt sends it.
        let call: Call
        let transport: any InstanceTransport
        private var isEnded = false

        init(
            _ destination: Destination, _ attempt: DestinationMachine.Attempt, at now: NIODeadline, slow: Duration,
            _ span: CallSpan?, _ call: Call, _ transport: any InstanceTransport
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
        /// Identifies a stream's opening after it has ended.
        var opening: DestinationMachine.Attempt { attempt }

        /// Ends the attempt. With `endsCall`, also ends the call.
        consuming func ended(_ result: AttemptResult, _ outcome: CallOutcome, endsCall: Bool = false) {
            isEnded = true
            let now = destination.environment.now()
            span?.end(outcome, at: now)
            destination.ended(attempt, result, beganAt, now, call.command, endsCall: endsCall)
        }

        consuming func answered() {
            // How long a client takes to send its values says nothing about the instance.
            if call.clientStream != nil { return ended(.answeredClientStream, .success, endsCall: true) }
            isEnded = true
            let now = destination.environment.now()
            span?.end(.success, at: now)
            destination.ended(
                attempt, now.since(beganAt) > slow ? .answeredLate : .answered, beganAt, now, call.command,
                endsCall: true)
        }

        deinit {
            if !isEnded {
                let now = destination.environment.now()
                span?.end(CallOutcome(CancellationError()), at: now)
                destination.ended(attempt, .abandoned, beganAt, now, call.command)
            }
        }
    }

    /// A call with all its attempts. Counts as under way from its first attempt until it ends or is dropped.
    struct CallProgress: ~Copyable {
        private let destination: Destination
        private let call: Call
        /// Nil until the first attempt has failed.
        private var retry: RetryState?
        private var tried: [Instance] = []
        /// The error of the last attempt that may have run the command without an answer.
        private var ambiguousError: (any Error)?
        /// Whether the call counts as under way.
        private var isUnderWay = false

        init(_ destination: Destination, _ call: Call) {
            self.destination = destination
            self.call = call
        }

        deinit {
            if isUnderWay { destination.state.withLock { $0.machine.callEnded(group: call.command.group) } }
        }

        /// Starts the next attempt. The first one also starts the call. Throws if the attempt cannot start.
        mutating func begin() throws -> Attempt {
            do {
                let attempt = try destination.attempt(call, retry, avoiding: tried, beginsCall: !isUnderWay)
                isUnderWay = true
                return attempt
            } catch {
                throw settled(error)
            }
        }

        /// Ends the attempt and the call with an answer.
        mutating func answered(_ attempt: consuming Attempt) {
            isUnderWay = false
            attempt.answered()
        }

        /// Ends the attempt and the call without an answer: an event was sent, or a stream was opened.
        mutating func sent(_ attempt: consuming Attempt) {
            isUnderWay = false
            attempt.ended(.sent, .success, endsCall: true)
        }

        /// The error that the caller gets.
        ///
        /// If an earlier attempt may have run the command, the error says so, even if the last attempt was not sent. An
        /// answer of the command itself replaces it. The errors of `.safe` commands do not change.
        private func settled(_ error: any Error) -> any Error {
            guard let ambiguousError, call.command.idempotency != .safe else { return error }
            if error is RemoteError, FailedAttempt(error).failure == .final { return error }
            if let error = error as? CallError, error.wasWritten { return error }
            if error is CancellationError { return error }
            return CallError(
                (ambiguousError as? CallError)?.code ?? .connectionLost,
                "\(call.command.name) may have run, and the client does not retry it.", wasWritten: true,
                cause: "\(ambiguousError); then \(error)")
        }

        /// Ends a failed attempt. Returns how long to wait before the next one. Throws if no attempt follows.
        mutating func failed(_ error: any Error, _ attempt: consuming Attempt) throws -> Duration {
            let instance = attempt.instance
            let failed = FailedAttempt(error)
            let isAnswered = failed.result == .answered && call.clientStream != nil
            attempt.ended(isAnswered ? .answeredClientStream : failed.result, CallOutcome(error))
            if !tried.contains(instance) { tried.append(instance) }
            var state =
                retry
                ?? RetryState(destination.retryPolicy(of: call.command), destination.idempotency(of: call.command))
            defer { retry = state }
            switch failed.failure {
            case .ambiguous, .ambiguousWithoutKey: ambiguousError = error
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
