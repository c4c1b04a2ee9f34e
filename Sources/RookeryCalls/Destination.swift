package import Logging
import NIOCore
package import RookeryCore
import RookeryWire
import Synchronization
package import Tracing
package import RookeryPolicies

/// A transport to a service with several instances.
///
/// Each call passes these guards, from the outside in: limit of calls under way, total deadline, retry, circuit
/// breaker, choice of an instance, timeout of the attempt. ``DestinationMachine`` makes the decisions, and the
/// destination makes the calls.
///
/// The destination follows its discovery while ``run()`` runs. Otherwise it keeps the first list of instances.
package final class Destination: ClientTransport {
    /// The name of the destination in logs, metrics and errors.
    package let name: String
    let configuration: ClientConfiguration
    let environment: CallEnvironment
    let discovery: any Discovery
    private let connect: @Sendable (Instance) -> any InstanceTransport
    let logger: Logger
    let state: Mutex<State>
    let counters: DecisionCounters
    let tracer: CallTracer?
    /// The last decisions about breakers and instances.
    package let history = DecisionHistory()

    struct State: Sendable {
        var machine: DestinationMachine
        /// The transports, by the serials of their instances.
        var transports: [UInt64: any InstanceTransport] = [:]
        var isClosed = false
    }

    /// Makes a destination. Does not connect yet.
    ///
    /// Throws ``RookeryPolicies/InvalidSetting``, or the error of reading a file of instances.
    package init(
        _ configuration: ClientConfiguration, discovery: (any Discovery)? = nil,
        environment: CallEnvironment = CallEnvironment(), tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "rookery.client"),
        connect: @escaping @Sendable (Instance) -> any InstanceTransport
    ) throws {
        try configuration.validate()
        let name = configuration.name
        let discovery = try discovery ?? configuration.instances.discovery(logger: logger)
        self.tracer = CallTracer(tracer)
        self.name = name
        self.configuration = configuration
        self.environment = environment
        self.discovery = discovery
        self.connect = connect
        var logger = logger
        logger[metadataKey: "destination"] = "\(name)"
        self.logger = logger
        counters = DecisionCounters(destination: name)
        var machine = DestinationMachine(configuration)
        _ = machine.instancesChanged(discovery.initial, at: environment.now())
        state = Mutex(State(machine: machine))
    }

    // MARK: Instances

    /// Follows the discovery until the task is cancelled, and drains the transports of removed instances.
    ///
    /// Returns early if the list of instances can never change. Throws what the discovery throws.
    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await discovery.watch { instances in
                let gone = self.instancesChanged(instances)
                for transport in gone { group.addTask { await transport.drain() } }
            }
        }
    }

    private func instancesChanged(_ instances: [Instance]) -> [any InstanceTransport] {
        let now = environment.now()
        let gone = state.withLock { state in
            state.machine.instancesChanged(instances, at: now).compactMap { state.transports.removeValue(forKey: $0) }
        }
        logger.info(
            "the instances changed",
            metadata: ["instances": "\(instances.map(\.description).joined(separator: ", "))"])
        return gone
    }

    /// Isolates the breakers, which refuse every call until ``reset()``.
    package func isolate() { note(state.withLock { $0.machine.isolate() }, "") }

    /// Closes all breakers and clears their counts.
    package func reset() { note(state.withLock { $0.machine.reset() }, "") }

    /// Pings the instances one after the other, and returns when one has answered, whatever it says.
    ///
    /// `timeout` is for each instance. Default 1 s. If no instance answers, throws the error of the last one,
    /// ``RookeryCore/CallError`` in most cases. Breakers may refuse a ping.
    package func ping(timeout: Duration = .seconds(1)) async throws {
        let now = environment.now()
        var failure: any Error = CallError(.noInstance, "\(name) has no instances.")
        var tried: [Instance] = []
        for _ in status.instances {
            let (attempt, transport): Began
            do {
                let (outcome, decisions) = begin(
                    Self.pingCommand, avoiding: tried, mayRepeat: false, at: now)
                if !decisions.isEmpty { note(decisions, Self.pingCommand.name) }
                (attempt, transport) = try outcome.get()
            } catch {
                failure = error
                break
            }
            tried.append(attempt.instance)
            do {
                try await transport.ping(timeout: timeout)
                return ended(attempt, .answered, now, environment.now(), Self.pingCommand)
            } catch {
                ended(attempt, FailedAttempt(error).result, now, environment.now(), Self.pingCommand)
                failure = error
            }
        }
        throw failure
    }

    // MARK: Calls

    /// The timeouts of calls whose callers set none.
    package var defaults: CallDefaults {
        CallDefaults(
            timeout: configuration.timeout, commandTimeouts: configuration.commands.compactMapValues(\.timeout))
    }

    // The next three functions repeat the same loop: a shared asynchronous function would cost each call more.
    /// Sends a request, with retries, and returns its last reply.
    ///
    /// Throws the error of the last attempt. For a command that is not `.safe`, the error keeps `wasWritten` if an
    /// earlier attempt may have run the command. Throws `CancellationError` if the task is cancelled.
    package func request(_ call: Call) async throws -> Payload {
        var progress = CallProgress(self, call)
        while true {
            let attempt = try progress.begin()
            do {
                let result = try await attempt.transport.request(attempt.call)
                progress.answered(attempt)
                return result
            } catch {
                let delay = try progress.failed(error, attempt)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// Sends an event. Peers do not acknowledge events, so the client retries only an event that was not sent.
    package func emit(_ call: Call) async throws {
        var progress = CallProgress(self, call)
        while true {
            let attempt = try progress.begin()
            do {
                try await attempt.transport.emit(attempt.call)
                return progress.sent(attempt)
            } catch {
                let delay = try progress.failed(error, attempt)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// Opens a stream, with retries. After the stream is open, failures go to its reader and are not retried. They count at the
    /// stream's instance.
    package func stream(_ call: Call) async throws -> MessageStream<Payload> {
        var progress = CallProgress(self, call)
        while true {
            let attempt = try progress.begin()
            do {
                let result = try await attempt.transport.stream(attempt.call)
                let opening = attempt.opening
                progress.sent(attempt)
                return result.onEnd { self.streamEnded(opening, $0, call.command) }
            } catch {
                let delay = try progress.failed(error, attempt)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// Fails every call under way and closes the connections. Later calls fail with `closed`.
    package func close() async {
        let transports = state.withLock { state in
            state.isClosed = true
            defer { state.transports = [:] }
            return Array(state.transports.values)
        }
        for transport in transports { await transport.close() }
    }

    func ended(
        _ attempt: DestinationMachine.Attempt, _ result: AttemptResult, _ beganAt: NIODeadline, _ now: NIODeadline,
        _ command: Command, endsCall: Bool = false
    ) {
        let random = environment.random
        let decisions = state.withLock { state in
            if endsCall { state.machine.callEnded(group: command.group) }
            return state.machine.attemptEnded(attempt, result, latency: now.since(beganAt), at: now, random: random)
        }
        if result == .lost || result == .unreachable { discovery.suspect() }
        if !decisions.isEmpty { note(decisions, command.name) }
    }

    /// The command under whose name pings appear in logs and traces.
    private static let pingCommand = Command("ping", pattern: Pattern("ping"))

    private func tooMany(_ limit: Int, _ group: String) -> CallError {
        CallError(.tooManyCalls, "\(limit) calls to \(name) (group \(group)) are under way.")
    }

    private typealias Began = (attempt: DestinationMachine.Attempt, transport: any InstanceTransport)

    /// Chooses an instance, and makes its transport at the first call there.
    ///
    /// With `beginsCall`, first counts the call as under way, and takes that back on failure.
    private func begin(
        _ command: Command, avoiding tried: [Instance], mayRepeat: Bool, beginsCall: Bool = false, at now: NIODeadline
    ) -> (outcome: Result<Began, CallError>, decisions: [CallDecision]) {
        let random = environment.random
        let group = command.group
        typealias Chosen = (attempt: DestinationMachine.Attempt, transport: (any InstanceTransport)?)
        let (chosen, decisions) = state.withLock { state -> (Result<Chosen, CallError>, [CallDecision]) in
            if state.isClosed { return (.failure(Self.closed), []) }
            var observed: [CallDecision] = []
            if beginsCall {
                guard state.machine.callBegan(group: group, at: now) else {
                    let limit = state.machine.maximumCalls(of: group)
                    return (.failure(tooMany(limit, group)), [.limited(limit)])
                }
                if state.machine.isOverLimit(group: group) {
                    observed = [.observed("\(CallDecision.limited(state.machine.maximumCalls(of: group)))")]
                }
            }
            let (outcome, made) = state.machine.attemptBegan(
                group: group, command: command.wireName, avoiding: tried, mayRepeat: mayRepeat, at: now, random: random)
            let decisions = observed + made
            switch outcome {
            case .failure(let refusal):
                if beginsCall { state.machine.callEnded(group: group) }
                return (.failure(error(refusal, group)), decisions)
            case .success(let attempt): return (.success((attempt, state.transports[attempt.serial])), decisions)
            }
        }
        switch chosen {
        case .failure(let error): return (.failure(error), decisions)
        case .success(let (attempt, transport)):
            if let transport { return (.success((attempt, transport)), decisions) }
            if let made = makeTransport(for: attempt) { return (.success((attempt, made)), decisions) }
            // The instance was removed in between, or the client was closed. Ends the attempt and chooses again.
            ended(attempt, .abandoned, now, now, command, endsCall: beginsCall)
            let (outcome, more) = begin(
                command, avoiding: tried, mayRepeat: mayRepeat, beginsCall: beginsCall, at: now)
            return (outcome, decisions + more)
        }
    }

    private static let closed = CallError(.closed, "The client was closed.")

    /// Makes the transport of an attempt's instance. Nil if the instance was removed or the client was closed.
    ///
    /// `connect` is the user's code, so it runs outside the lock. If two tasks make a transport at once, the second one
    /// is dropped before it connects.
    private func makeTransport(for attempt: DestinationMachine.Attempt) -> (any InstanceTransport)? {
        let made = connect(attempt.instance)
        return state.withLock { state in
            guard !state.isClosed, state.machine.has(attempt) else { return nil }
            if let other = state.transports[attempt.serial] { return other }
            state.transports[attempt.serial] = made
            return made
        }
    }

    func attempt(
        _ call: Call, _ retry: RetryState?, avoiding tried: [Instance], beginsCall: Bool
    ) throws -> Attempt {
        let command = call.command.name
        let now = environment.now()
        let mayRepeat =
            call.command.kind == .request
            && (retry?.mayRepeat ?? retryPolicy(of: call.command).repeats(idempotency(of: call.command), after: 1))
        let (outcome, decisions) = begin(
            call.command, avoiding: tried, mayRepeat: mayRepeat, beginsCall: beginsCall, at: now)
        if !decisions.isEmpty { note(decisions, command) }
        let (attempt, transport) = try outcome.get()
        noteQuietly(.picked(attempt.instance, attempt: retry?.attempts ?? 1), command, now)
        var inner = narrowed(call, retry, limit: attempt.limit, at: now)
        return Attempt(
            self, attempt, at: now, slow: (call.deadlineInstant - now) * configuration.breaker.slowFraction,
            startSpan(&inner, attempt.instance, retry?.attempts ?? 1, at: now), inner, transport)
    }

    /// Starts the span of an attempt, a child of the call's span. Nil without a tracer.
    ///
    /// The call carries the span's identity, so that the server continues the trace.
    private func startSpan(
        _ call: inout Call, _ instance: Instance, _ attempt: Int, at now: NIODeadline
    ) -> CallSpan? {
        guard let tracer else { return nil }
        return tracer.startAttempt(&call, attempt, at: now, host: instance.host, port: instance.port)
    }

    func retryPolicy(of command: Command) -> ClientConfiguration.Retry {
        var policy = configuration.retry
        if !configuration.commands.isEmpty,
            let attempts = configuration.commands[command.wireName]?.maximumAttempts
        {
            policy.maximumAttempts = attempts
        }
        return policy
    }

    /// An event counts as unsafe. Peers do not acknowledge events, so the client retries only an event that was not
    /// sent.
    func idempotency(of command: Command) -> Idempotency {
        command.kind == .event ? .unsafe : command.idempotency
    }

    /// Returns how long to wait before the next attempt. Throws the error of the call if no attempt follows.
    func next(
        after failed: FailedAttempt, _ call: Call, _ retry: inout RetryState, _ tried: [Instance]
    ) throws -> Duration {
        let (error, failure) = (failed.error, failed.failure)
        if failure == .final || call.clientStream?.hasBegun == true { throw error }
        let now = environment.now()
        let command = call.command.name
        let remaining = call.command.isStreaming ? call.silenceLimit : call.deadlineInstant.since(now)
        let isSent = failure != .notSent && failure != .unreachable
        let hasOther = state.withLock {
            isSent ? $0.machine.hasOther(than: tried, at: now) : $0.machine.hasUntried(tried)
        }
        switch retry.failed(failure, hasOther: hasOther, remaining: remaining, random: environment.random()) {
        case .stop(let stop):
            note([.notRetried(stop)], command)
            throw outer(error)
        case .retry(let delay, let isCounted):
            let decision = CallDecision.retried(after: delay, because: "\(error)")
            if configuration.retry.mode == .observe, isCounted {
                note([.observed("\(decision)")], command)
                throw outer(error)
            }
            if isCounted {
                let (isAllowed, observed) = state.withLock { $0.machine.retryWanted(after: failure, at: now) }
                if let observed { note([observed], command) }
                guard isAllowed else {
                    note([.notRetried(.budget)], command)
                    throw outer(error)
                }
            }
            note([decision], command)
            return delay
        }
    }

    /// Keeps retries in one layer: a handler whose own call is refused for overload asks its caller not to retry.
    private func outer(_ error: any Error) -> any Error {
        guard let error = error as? RemoteError, error.code == .overloaded, MessageContext.current != nil else {
            return error
        }
        return RemoteError(.overloaded, error.message ?? "\(name) is overloaded.", details: ["retryAfterMs": -1])
    }

    /// The call as an attempt sends it. A limited attempt has a shortened timeout. From the second attempt on, the
    /// metadata has the number of the attempt.
    private func narrowed(
        _ call: Call, _ retry: RetryState?, limit: Duration?, at now: NIODeadline
    ) -> Call {
        let attempts = retry?.attempts ?? 1
        if attempts == 1, limit == nil { return call }
        var inner = call
        if attempts > 1 { inner.metadata[MetadataName.attempt] = String(attempts) }
        if let limit {
            let half = Duration.nanoseconds(max(0, (call.deadlineInstant - now).nanoseconds / 2))
            inner.deadlineInstant = now + min(limit, half)
        }
        return inner
    }

    private func error(_ refusal: DestinationMachine.Refusal, _ group: String) -> CallError {
        switch refusal {
        case .noInstances: CallError(.noInstance, "\(name) has no instances.")
        case .breaker(let retryAfter):
            CallError(
                .breakerOpen, "The circuit breaker of \(name) (group \(group)) refuses calls for now.",
                retryAfter: retryAfter)
        }
    }
}
