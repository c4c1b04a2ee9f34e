package import Logging
package import NIOCore
package import RookeryWire
import Synchronization

/// Runs the health checks of a server and reports the results to its peers.
///
/// A server that answers is alive. It is ready if its required checks pass. Each check has at most one run at a time,
/// and its result stays valid for ``lifetime``. So the cost does not depend on the number of peers that ask. Checks run
/// inside ``run()``.
package final class HealthReporter: Sendable {
    /// How long a report waits for checks: 1 s. A report shows a slower check as down. The reporter does not start a
    /// check again before its last run has ended.
    package static let checkTimeout: Duration = .seconds(1)
    /// How long a result stays valid: 1 s.
    package static let lifetime: Duration = .seconds(1)

    private struct State {
        /// The last result of each check. A nil failure means that the check passed.
        var results: [String: (failure: String?, at: NIODeadline)] = [:]
        var running: Set<String> = []
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextID = 0
    }

    private let service: String
    private let instance: String
    private let checks: [HealthCheck]
    private let isOpen: Bool
    private let isStopping: @Sendable () -> Bool
    private let now: @Sendable () -> NIODeadline
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger
    private let state = Mutex(State())
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation

    /// Creates a reporter. `instance` identifies this run of the service. `isOpen` says whether it takes calls without a
    /// service key.
    package init(
        service: String, instance: String, checks: [HealthCheck], isOpen: Bool = false, logger: Logger,
        now: @escaping @Sendable () -> NIODeadline = { .now() },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        isStopping: @escaping @Sendable () -> Bool
    ) {
        self.service = service
        self.instance = instance
        self.checks = checks
        self.isOpen = isOpen
        self.isStopping = isStopping
        self.now = now
        self.sleep = sleep
        self.logger = logger
        // One pending request is enough, because it starts every check that is due.
        (requests, request) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs checks on demand, until the task is cancelled. Cancellation also cancels the running checks.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in requests {
                for check in due() { group.addTask { await self.perform(check) } }
            }
            group.cancelAll()
        }
    }

    /// Returns the checks that have no valid result and are not running, and marks them as running.
    private func due() -> [HealthCheck] {
        let now = self.now()
        let (due, waiting) = state.withLock { state in
            let due = checks.filter { check in
                !state.running.contains(check.name) && !Self.isFresh(state.results[check.name]?.at, at: now)
            }
            state.running.formUnion(due.map(\.name))
            return (due, Self.takeWaiting(&state))
        }
        for continuation in waiting { continuation.resume() }
        return due
    }

    /// Removes and returns the waiting continuations, if no check is running.
    private static func takeWaiting(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        guard state.running.isEmpty else { return [] }
        defer { state.waiting = [:] }
        return Array(state.waiting.values)
    }

    private static func isFresh(_ at: NIODeadline?, at now: NIODeadline) -> Bool {
        guard let at else { return false }
        return now - at < TimeAmount(lifetime)
    }

    private func perform(_ check: HealthCheck) async {
        var failure: String?
        do {
            try await check.check()
        } catch {
            failure = "\(error)"
            logger.notice("a health check failed", metadata: ["check": "\(check.name)", "error": "\(error)"])
        }
        let now = self.now()
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.results[check.name] = (failure, now)
            state.running.remove(check.name)
            return Self.takeWaiting(&state)
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns the report: `{service, instance, status, checks: {name: {status: "up" | "down"}}, open?}`. `open` is
    /// true at a server that takes calls without a service key.
    ///
    /// Results are at most ``lifetime`` old. If one is older, the method waits up to ``checkTimeout`` for the checks.
    /// Only the service's log has the reason of a failure, because peers do not need it.
    package func report() async -> JSONValue {
        if !isKnown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.results() }
                // The sleep ends early only if the task is cancelled. Cancellation also ends the wait for results.
                group.addTask { try? await self.sleep(Self.checkTimeout) }
                await group.next()
                group.cancelAll()
            }
        }
        return answer()
    }

    private var isKnown: Bool {
        let now = self.now()
        return state.withLock { state in
            checks.allSatisfy { Self.isFresh(state.results[$0.name]?.at, at: now) }
        }
    }

    /// Requests the checks that are due. Returns when no check is running, or when the task is cancelled.
    private func results() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if Task.isCancelled { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if isCancelled { return continuation.resume() }
                request.yield()
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
        }
    }

    private func answer() -> JSONValue {
        let now = self.now()
        let failed = state.withLock { state in
            Set(
                checks.map(\.name).filter { name in
                    guard let result = state.results[name] else { return true }
                    // The old result of a check that hangs does not describe the present state.
                    return result.failure != nil || !Self.isFresh(result.at, at: now)
                })
        }
        var object = JSONObject()
        for check in checks { object[check.name] = ["status": failed.contains(check.name) ? "down" : "up"] }
        let isUseless = isStopping() || checks.contains { $0.isRequired && failed.contains($0.name) }
        let status: Health.Status = isUseless ? .notReady : failed.isEmpty ? .ready : .degraded
        var report: JSONObject = [
            "service": .string(service), "instance": .string(instance), "status": .string(status.rawValue),
            "checks": .object(object),
        ]
        if isOpen { report["open"] = true }
        return .object(report)
    }

    /// The route that answers ``Health/pattern``.
    package var route: Route {
        Route(Health.command) { _, sink in sink.reply(await self.report()) }
    }
}
