public import Logging
import CoreMetrics
import NIOCore
public import RookeryCore
import RookeryWire
import Synchronization

/// Carries calls to one instance.
public protocol InstanceTransport: ClientTransport {
    /// Takes no more calls; returns when those under way are answered, and closes.
    func drain() async

    /// Returns when the peer has answered, whatever it says. Throws ``RookeryCore/CallError`` when it does not in time.
    func ping(timeout: Duration) async throws
}

/// A service that is called by its name: a transport over all its instances.
///
/// A call goes, from the outside in, through the limit of calls under way, the total deadline, retry, the circuit breaker,
/// the choice of an instance, and the time limit of an attempt. ``DestinationMachine`` decides; this makes the calls.
///
/// Follows its discovery while ``run()`` runs; without it, the first list of instances stays.
public final class Destination: ClientTransport {
    /// Its name, in logs, metrics and errors.
    public let name: String
    private let configuration: DestinationConfiguration
    private let environment: ResilienceEnvironment
    private let discovery: any Discovery
    private let connect: @Sendable (Instance) -> any InstanceTransport
    private let logger: Logger
    private let state: Mutex<State>
    private let counters: DecisionCounters

    private struct State: Sendable {
        var machine: DestinationMachine
        var transports: [Instance: any InstanceTransport] = [:]
        var isClosed = false
    }

    /// Makes a destination; connects nothing yet. Throws ``DestinationConfiguration/Invalid``.
    public init(
        _ name: String, _ configuration: DestinationConfiguration = DestinationConfiguration(),
        discovery: any Discovery, environment: ResilienceEnvironment = ResilienceEnvironment(),
        logger: Logger = Logger(label: "rookery.client"),
        connect: @escaping @Sendable (Instance) -> any InstanceTransport
    ) throws(DestinationConfiguration.Invalid) {
        try configuration.validate()
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
    public func run() async throws {
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
    public var status: DestinationStatus {
        let now = environment.now()
        return state.withLock { $0.machine.status(at: now) }
    }

    /// Places that calls and probes take up now; zero when nothing is under way.
    package var gauges: (calls: Int, attempts: Int, probes: Int) {
        state.withLock { ($0.machine.callsInFlight, $0.machine.attemptsInFlight, $0.machine.probesOut) }
    }

    /// Refuses every call until ``reset()``.
    public func isolate() { note(state.withLock { $0.machine.isolate() }.map { [$0] } ?? [], "") }

    /// Forgets what the breakers know, and lets calls through.
    public func reset() { note(state.withLock { $0.machine.reset() }, "") }

    /// Returns when an instance has answered, whatever it says. Throws ``RookeryCore/CallError`` when none did in time.
    public func ping(timeout: Duration = .seconds(1)) async throws {
        var failure = CallError(.cannotConnect, "\(name) has no instances.")
        for instance in status.instances.map(\.instance) {
            do {
                return try await transport(to: instance).ping(timeout: timeout)
            } catch let error as CallError {
                failure = error
            }
        }
        throw failure
    }

    // MARK: Calls

    /// The timeouts that calls have when their callers say nothing.
    public var clientConfiguration: ClientConfiguration {
        ClientConfiguration(
            timeout: configuration.timeout, commandTimeouts: configuration.commands.compactMapValues(\.timeout))
    }

    /// Sends a request and waits for its last reply.
    public func request(_ call: OutgoingCall) async throws -> Payload {
        try await guarded(call) { try await $0.request($1) }
    }

    /// Sends an event; nobody acknowledges it, so it is tried again only when it was not sent.
    public func emit(_ call: OutgoingCall) async throws {
        try await guarded(call) { try await $0.emit($1) }
    }

    /// Opens a stream; once it is open, what it gives and how it ends is its reader's to see.
    public func stream(_ call: OutgoingCall) async throws -> MessageStream<Payload> {
        try await guarded(call) { try await $0.stream($1) }
    }

    /// Ends every call under way and closes the connections.
    public func close() async {
        let transports = state.withLock { state in
            state.isClosed = true
            defer { state.transports = [:] }
            return Array(state.transports.values)
        }
        for transport in transports { await transport.close() }
    }

    /// A call's place among those under way; given back when it goes away.
    private struct CallPermit: ~Copyable {
        let destination: Destination
        deinit { destination.state.withLock { $0.machine.callEnded() } }
    }

    /// An attempt's place at its instance and at the breakers; given back when it goes away.
    private struct AttemptPermit: ~Copyable {
        let destination: Destination
        let attempt: DestinationMachine.Attempt
        let beganAt: NIODeadline
        let command: String
        private var isEnded = false

        init(_ destination: Destination, _ attempt: DestinationMachine.Attempt, at now: NIODeadline, _ command: String)
        {
            self.destination = destination
            self.attempt = attempt
            self.beganAt = now
            self.command = command
        }

        consuming func ended(_ result: AttemptResult) {
            isEnded = true
            destination.ended(attempt, result, beganAt, command)
        }

        deinit { if !isEnded { destination.ended(attempt, .abandoned, beganAt, command) } }
    }

    private func ended(
        _ attempt: DestinationMachine.Attempt, _ result: AttemptResult, _ beganAt: NIODeadline, _ command: String
    ) {
        let now = environment.now()
        let random = environment.random
        let decisions = state.withLock {
            $0.machine.attemptEnded(attempt, result, latency: now.since(beganAt), at: now, random: random)
        }
        if result == .lost || result == .unreachable { discovery.suspect() }
        if !decisions.isEmpty { note(decisions, command) }
    }

    private func guarded<Result: Sendable>(
        _ call: OutgoingCall, _ perform: (any InstanceTransport, OutgoingCall) async throws -> Result
    ) async throws -> Result {
        let command = call.command.name
        let now = environment.now()
        let (began, isOver) = state.withLock { ($0.machine.callBegan(at: now), $0.machine.isOverLimit) }
        guard began else {
            note([.limited(configuration.concurrency.maximumCalls)], command)
            throw CallError(
                .tooManyCalls, "\(configuration.concurrency.maximumCalls) calls to \(name) are under way.")
        }
        if isOver { note([.observed("\(CallDecision.limited(configuration.concurrency.maximumCalls))")], command) }
        let permit = CallPermit(destination: self)
        let result = try await attempts(call, perform)
        _ = consume permit
        return result
    }

    private func attempts<Result: Sendable>(
        _ call: OutgoingCall, _ perform: (any InstanceTransport, OutgoingCall) async throws -> Result
    ) async throws -> Result {
        var policy = configuration.retry
        if !configuration.commands.isEmpty,
            let attempts = configuration.commands[call.command.wireName]?.maximumAttempts
        {
            policy.maximumAttempts = attempts
        }
        // Nobody acknowledges an event, and a stream has its own idea of time.
        let idempotency = call.command.kind == .event ? Idempotency.unsafe : call.command.idempotency
        var retry = RetryState(policy, idempotency)
        var tried: [Instance] = []
        while true {
            do {
                return try await attempt(call, &tried, retry, perform)
            } catch {
                let delay = try next(after: error, call, &retry, tried)
                if delay > .zero { try await environment.sleep(delay) }
            }
        }
    }

    /// How long to wait before the next attempt; throws the error when there is none.
    private func next(
        after error: any Error, _ call: OutgoingCall, _ retry: inout RetryState, _ tried: [Instance]
    ) throws -> Duration {
        let failure = AttemptFailure(error)
        if failure == .final { throw error }
        let now = environment.now()
        let command = call.command.name
        let remaining = call.command.kind == .stream ? call.valueTimeout : call.deadline.since(now)
        let hasOther = state.withLock { $0.machine.hasOther(than: tried) }
        let attempts = retry.attempts
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
            counters.attempted(attempts)
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

    private func attempt<Result: Sendable>(
        _ call: OutgoingCall, _ tried: inout [Instance], _ retry: RetryState,
        _ perform: (any InstanceTransport, OutgoingCall) async throws -> Result
    ) async throws -> Result {
        let now = environment.now()
        let random = environment.random
        let avoided = tried
        let (outcome, decisions, known) = state.withLock { state in
            let (outcome, decisions) = state.machine.attemptBegan(avoiding: avoided, at: now, random: random)
            guard case .success(let attempt) = outcome else {
                return (outcome, decisions, nil as (any InstanceTransport)?)
            }
            return (outcome, decisions, state.transports[attempt.instance])
        }
        if !decisions.isEmpty { note(decisions, call.command.name) }
        let began: DestinationMachine.Attempt
        switch outcome {
        case .success(let attempt): began = attempt
        case .failure(let refusal): throw error(refusal)
        }
        let permit = AttemptPermit(self, began, at: now, call.command.name)
        if !tried.contains(began.instance) { tried.append(began.instance) }
        noteQuietly(.picked(began.instance, attempt: retry.attempts), call.command.name, now)
        do {
            let (inner, isLimited) = narrowed(call, retry, at: now)
            let transport = try known ?? transport(to: began.instance)
            let result = try await perform(transport, inner)
            let slow = configuration.breaker.slowFraction
            let took = environment.now().since(now)
            let allowed = (isLimited ? call.deadline : inner.deadline).since(now)
            permit.ended(took.inSeconds > slow * allowed.inSeconds ? .answeredLate : .answered)
            return result
        } catch {
            permit.ended(AttemptResult(error))
            throw error
        }
    }

    /// An attempt of a call that may be repeated gets a part of the time, and says which attempt it is.
    private func narrowed(
        _ call: OutgoingCall, _ retry: RetryState, at now: NIODeadline
    ) -> (call: OutgoingCall, isLimited: Bool) {
        if retry.attempts == 1, !retry.mayRepeat { return (call, false) }
        var inner = call
        if retry.attempts > 1 { inner.metadata[MessageContext.attemptKey] = String(retry.attempts) }
        if retry.mayRepeat, call.command.kind == .request {
            inner.deadline = min(call.deadline, now + configuration.retry.attemptTimeout)
        }
        return (inner, inner.deadline < call.deadline)
    }

    private func transport(to instance: Instance) throws(CallError) -> any InstanceTransport {
        let transport = state.withLock { state -> (any InstanceTransport)? in
            if state.isClosed { return nil }
            if let transport = state.transports[instance] { return transport }
            let transport = connect(instance)
            state.transports[instance] = transport
            return transport
        }
        guard let transport else { throw CallError(.closed, "The client was closed.") }
        return transport
    }

    private func error(_ refusal: DestinationMachine.Refusal) -> CallError {
        switch refusal {
        case .noInstances: CallError(.noInstance, "\(name) has no instances.")
        case .breaker(let retryAfter):
            CallError(
                .breakerOpen, "\(name) is not called for now: too many calls failed.", retryAfter: retryAfter)
        }
    }

    // MARK: Notes

    private func note(_ decisions: [CallDecision], _ command: String) {
        let now = environment.now()
        for decision in decisions {
            counters.count(decision)
            noteQuietly(decision, command, now)
            switch decision {
            case .breaker, .ejected, .unreachable:
                logger.notice("\(decision)", metadata: ["decision": "\(decision.kind)"])
            default:
                logger.debug("\(decision)", metadata: ["decision": "\(decision.kind)", "command": "\(command)"])
            }
        }
    }

    /// In the trace only, and at the lowest level: there is one for each attempt.
    private func noteQuietly(_ decision: CallDecision, _ command: String, _ now: NIODeadline) {
        CallTrace.current?.note(decision, name, command, at: now)
        guard case .picked = decision, logger.logLevel <= .debug else { return }
        logger.debug("\(decision)", metadata: ["decision": "picked", "command": "\(command)"])
    }
}

/// A destination's decisions, counted.
private struct DecisionCounters: Sendable {
    private let counters: [String: Counter]
    private let retries: Counter

    init(destination: String) {
        var counters: [String: Counter] = [:]
        for kind in [
            "retried", "not_retried", "rejected", "limited", "ejected", "unreachable", "breaker", "observed",
        ] {
            counters[kind] = Counter(
                label: "rookery_client_decisions_total", dimensions: [("destination", destination), ("decision", kind)])
        }
        self.counters = counters
        retries = Counter(label: "rookery_client_retries_total", dimensions: [("destination", destination)])
    }

    func count(_ decision: CallDecision) { counters[decision.kind]?.increment() }
    func attempted(_: Int) { retries.increment() }
}
