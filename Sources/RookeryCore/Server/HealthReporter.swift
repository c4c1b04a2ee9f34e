package import Logging
package import NIOCore
package import RookeryWire
import Synchronization

/// Finds out how a server is, and answers that to its peers: alive, because it answers; ready, when what it needs is there.
///
/// However many peers ask, each check runs once at a time, and a result is good for a second: asking costs a service
/// nothing. Checks run under ``run()``.
package final class HealthReporter: Sendable {
    /// How long a check may take; one that takes longer has failed for now, and is not started again before it has ended.
    package static let checkTimeout: Duration = .seconds(1)
    /// How long a result is good for.
    package static let lifetime: Duration = .seconds(1)

    private struct State {
        /// What the last run of a check said: nil for good.
        var results: [String: (failure: String?, at: NIODeadline)] = [:]
        var running: Set<String> = []
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextID = 0
    }

    private let service: String
    private let instance: String
    private let checks: [HealthCheck]
    private let isStopping: @Sendable () -> Bool
    private let now: @Sendable () -> NIODeadline
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger
    private let state = Mutex(State())
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation

    /// The health of a service; `instance` tells this run of it from others.
    package init(
        service: String, instance: String, checks: [HealthCheck], logger: Logger,
        now: @escaping @Sendable () -> NIODeadline = { .now() },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        isStopping: @escaping @Sendable () -> Bool
    ) {
        self.service = service
        self.instance = instance
        self.checks = checks
        self.isStopping = isStopping
        self.now = now
        self.sleep = sleep
        self.logger = logger
        // One request that was not seen yet is as good as many.
        (requests, request) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs checks when they are asked for, until the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in requests {
                for check in due() { group.addTask { await self.perform(check) } }
            }
            group.cancelAll()
        }
    }

    /// The checks whose results are too old, and which are not running: they are now.
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

    /// Those who wait, when there is nothing to wait for.
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

    /// What is known, at most ``lifetime`` old: `{service, instance, status, checks: {name: {status: "up" | "down"}}}`. Why
    /// a check failed is in the service's log, not here: a peer need not know.
    package func report() async -> JSONValue {
        if !isKnown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.results() }
                // Ended early only by cancellation, which ends the wait as well.
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

    /// Returns when no check is running any more, or when the task is cancelled.
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
                    // An old result of a check that hangs says nothing about now.
                    return result.failure != nil || !Self.isFresh(result.at, at: now)
                })
        }
        var object = JSONObject()
        for check in checks { object[check.name] = ["status": failed.contains(check.name) ? "down" : "up"] }
        let isUseless = isStopping() || checks.contains { $0.isRequired && failed.contains($0.name) }
        let status: Health.Status = isUseless ? .notReady : failed.isEmpty ? .ready : .degraded
        return [
            "service": .string(service), "instance": .string(instance), "status": .string(status.rawValue),
            "checks": .object(object),
        ]
    }

    /// Answers ``Health/pattern``.
    package var route: Route {
        Route(Health.command) { _, sink in sink.reply(await self.report()) }
    }
}
