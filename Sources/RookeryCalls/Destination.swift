package import Logging
import NIOCore
package import RookeryCore
import RookeryWire
import Synchronization
package import Tracing
package import RookeryPolicies

/// A service that is called by its name: a transport over all its instances.
///
/// A call goes, from the outside in, through the limit of calls under way, the total deadline, retry, the circuit breaker,
/// the choice of an instance, and the time limit of an attempt. ``DestinationMachine`` decides; this makes the calls.
///
/// Follows its discovery while ``run()`` runs; without it, the first list of instances stays.
package final class Destination: ClientTransport {
    /// Its name, in logs, metrics and errors.
    package let name: String
    private let configuration: ClientConfiguration
    let environment: CallEnvironment
    private let discovery: any Discovery
    private let connect: @Sendable (Instance) -> any InstanceTransport
    let logger: Logger
    let state: Mutex<State>
    let counters: DecisionCounters
    let tracer: CallTracer?

    struct State: Sendable {
        var machine: DestinationMachine
        /// By the serials of the machine's instances.
        var transports: [UInt64: any InstanceTransport] = [:]
        var isClosed = false
    }

    /// Makes a destination; connects nothing yet. Throws ``RookeryPolicies/InvalidSetting``, or why a file of instances cannot
    /// be read.
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

    /// Follows the discovery until the task is cancelled. Throws what the discovery throws.
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

    /// What stands where.
    package var status: DestinationStatus {
        let now = environment.now()
        return state.withLock { $0.machine.status(at: now) }
    }

    /// Places that calls and probes take up now; zero when nothing is under way.
    package var gauges: (calls: Int, attempts: Int, probes: Int) {
        state.withLock { ($0.machine.callsInFlight, $0.machine.attemptsInFlight, $0.machine.probesOut) }
    }

    /// Refuses every call until ``reset()``.
    package func isolate() { note(state.withLock { $0.machine.isolate() }, "") }

    /// Forgets what the breakers know, and lets calls through.
    package func reset() { note(state.withLock { $0.machine.reset() }, "") }

    /// Returns when an instance has answered, whatever it says. Throws ``RookeryCore/CallError`` when none did in time.
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

    /// The timeouts that calls have when their callers say nothing.
    package var defaults: CallDefaults {
        CallDefaults(
            timeout: configuration.timeout, commandTimeouts: configuration.commands.compactMapValues(\.timeout))
    }

    // Three times the same: an asynchronous function around it would cost a call more.
    /// Sends a request and waits for its last reply.
    package func request(_ call: Call) async throws -> Payload {
        var course = CallCourse(self, call)
        while true {
            let attempt = try course.begin()
            do {
                let result = try await attempt.transport.request(attempt.call)
                course.answered(attempt)
                return result
            } catch {
                let delay = try course.failed(error, attempt)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// Sends an event. No peer acknowledges it, so it is tried again only when it was not sent.
    package func emit(_ call: Call) async throws {
        var course = CallCourse(self, call)
        while true {
            let attempt = try course.begin()
            do {
                try await attempt.transport.emit(attempt.call)
                return course.sent(attempt)
            } catch {
                let delay = try course.failed(error, attempt)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// Opens a stream; once it is open, what it gives and how it ends is its reader's to see.
    package func stream(_ call: Call) async throws -> MessageStream<Payload> {
        var course = CallCourse(self, call)
        while true {
            let attempt = try course.begin()
            do {
                let result = try await attempt.transport.stream(attempt.call)
                course.sent(attempt)
                return result
            } catch {
                let delay = try course.failed(error, attempt)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// Ends every call under way and closes the connections.
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

    /// As which pings appear in notes.
    private static let pingCommand = Command("ping", pattern: Pattern("ping"))

    private func tooMany(_ limit: Int, _ group: String) -> CallError {
        CallError(.tooManyCalls, "\(limit) calls to \(name) (group \(group)) are under way.")
    }

    private typealias Began = (attempt: DestinationMachine.Attempt, transport: any InstanceTransport)

    /// Chooses an instance, and makes its transport when it is the first call there. With `beginsCall` the call takes its place
    /// among those under way before, and does not keep it when there is a failure.
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
                group: group, avoiding: tried, mayRepeat: mayRepeat, at: now, random: random)
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
            // Its instance left the list in between, or the client was closed: it gives its place back, and another is
            // chosen.
            ended(attempt, .abandoned, now, now, command, endsCall: beginsCall)
            let (outcome, more) = begin(
                command, avoiding: tried, mayRepeat: mayRepeat, beginsCall: beginsCall, at: now)
            return (outcome, decisions + more)
        }
    }

    private static let closed = CallError(.closed, "The client was closed.")

    /// The transport of an attempt's instance; nil when that is no longer in the list. What makes it is the user's, and
    /// runs outside the lock; of two that are made at once the second is dropped, which has connected nothing yet.
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
        var inner = narrowed(call, retry, isLimited: attempt.isLimited, at: now)
        return Attempt(
            self, attempt, at: now, slow: (call.deadlineInstant - now) * configuration.breaker.slowFraction,
            startSpan(&inner, attempt.instance, retry?.attempts ?? 1), inner, transport)
    }

    /// The span of an attempt, a child of the call's, by which the server continues the trace; nil without a tracer.
    private func startSpan(_ call: inout Call, _ instance: Instance, _ attempt: Int) -> (any Span)? {
        guard let tracer else { return nil }
        let span = tracer.startAttempt(call.command, attempt, at: instance.host, instance.port)
        tracer.inject(span.context, into: &call.metadata)
        return span
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

    /// No peer acknowledges an event: it is only sent again when it was not sent.
    func idempotency(of command: Command) -> Idempotency {
        command.kind == .event ? .unsafe : command.idempotency
    }

    /// How long to wait before the next attempt; throws the error when there is none.
    func next(
        after failed: FailedAttempt, _ call: Call, _ retry: inout RetryState, _ tried: [Instance]
    ) throws -> Duration {
        let (error, failure) = (failed.error, failed.failure)
        if failure == .final { throw error }
        let now = environment.now()
        let command = call.command.name
        let remaining = call.command.kind == .stream ? call.silenceLimit : call.deadlineInstant.since(now)
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
                let (isAllowed, observed) = state.withLock { $0.machine.retryWanted(at: now) }
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

    /// Retry happens in one layer: who handles a message, and is refused for overload itself, asks its own caller not to
    /// try again.
    private func outer(_ error: any Error) -> any Error {
        guard let error = error as? RemoteError, error.code == .overloaded, MessageContext.current != nil else {
            return error
        }
        return RemoteError(.overloaded, error.message ?? "\(name) is overloaded.", details: ["retryAfterMs": -1])
    }

    /// The call as an attempt makes it: with a part of the time, and with which attempt it is.
    private func narrowed(
        _ call: Call, _ retry: RetryState?, isLimited: Bool, at now: NIODeadline
    ) -> Call {
        let attempts = retry?.attempts ?? 1
        if attempts == 1, !isLimited { return call }
        var inner = call
        if attempts > 1 { inner.metadata[MetadataName.attempt] = String(attempts) }
        if isLimited {
            let half = Duration.nanoseconds(max(0, (call.deadlineInstant - now).nanoseconds / 2))
            inner.deadlineInstant = now + min(configuration.retry.attemptTimeout, half)
        }
        return inner
    }

    private func error(_ refusal: DestinationMachine.Refusal, _ group: String) -> CallError {
        switch refusal {
        case .noInstances: CallError(.noInstance, "\(name) has no instances.")
        case .breaker(let retryAfter):
            CallError(
                .breakerOpen, "\(name) (group \(group)) is not called for now: too many calls failed.",
                retryAfter: retryAfter)
        }
    }
}
