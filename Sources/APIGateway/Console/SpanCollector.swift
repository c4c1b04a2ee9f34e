import Logging
import PetProContracts
import Rookery
import Synchronization

/// Collects the spans of the platform's other processes over the wire, for the console.
///
/// It asks for them, so that a process without a console has no cost. What a slow console does not take in time is dropped at its
/// process, and counted; no call waits for it.
final class SpanCollector: Sendable {
    /// What the collector knows of an instance.
    struct Seen: Sendable, Equatable {
        let service: ServiceName
        let instance: Instance
        /// Why its spans do not come. Nil while they do.
        var problem: String?
        /// How many of its spans were dropped.
        var missed = 0
    }

    private let sources: [SpanSource]
    private let board: TraceBoard
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let seen = Mutex<[String: Seen]>([:])

    /// How long to wait before another try at an instance.
    private static let pause: Duration = .seconds(2)

    init(_ sources: [SpanSource], board: TraceBoard, logger: Logger, clock: any Clock<Duration> = ContinuousClock()) {
        self.sources = sources
        self.board = board
        self.logger = logger
        self.clock = clock
    }

    /// The instances, by service and address.
    var instances: [Seen] {
        seen.withLock { Array($0.values) }.sorted {
            ($0.service.rawValue, $0.instance.description) < ($1.service.rawValue, $1.instance.description)
        }
    }

    /// Collects until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.board.judge(clock: self.clock) }
            for source in sources { group.addTask { await self.follow(source) } }
        }
    }

    /// The instances of a service that are to be followed. An instance that comes back gets a new
    /// generation, so that only one task follows it.
    private final class Wanted: Sendable {
        private let state = Mutex<(generations: [Instance: Int], next: Int)>(([:], 0))

        func contains(_ instance: Instance, _ generation: Int) -> Bool {
            state.withLock { $0.generations[instance] == generation }
        }

        /// Returns those that are new, with their generations.
        func change(to instances: [Instance]) -> [(Instance, Int)] {
            state.withLock { state in
                state.generations = state.generations.filter { instances.contains($0.key) }
                var new: [(Instance, Int)] = []
                for instance in instances where state.generations[instance] == nil {
                    state.next += 1
                    state.generations[instance] = state.next
                    new.append((instance, state.next))
                }
                return new
            }
        }
    }

    /// Follows all instances of a service, those that come later too.
    private func follow(_ source: SpanSource) async {
        await withDiscardingTaskGroup { group in
            let wanted = Wanted()
            for (instance, generation) in changed(source, source.discovery.initial, wanted) {
                group.addTask { await self.follow(instance, generation, source, wanted) }
            }
            do {
                try await source.discovery.watch { instances in
                    for (instance, generation) in changed(source, instances, wanted) {
                        group.addTask { await self.follow(instance, generation, source, wanted) }
                    }
                }
            } catch {
                if Task.isCancelled { return }
                // The list stays as it was.
                logger.warning(
                    "the instances cannot be followed",
                    metadata: ["service": "\(source.service.rawValue)", "error": "\(error)"])
            }
        }
    }

    private func changed(_ source: SpanSource, _ instances: [Instance], _ wanted: Wanted) -> [(Instance, Int)] {
        let new = wanted.change(to: instances)
        seen.withLock { seen in
            seen = seen.filter { $0.value.service != source.service || instances.contains($0.value.instance) }
            for (instance, _) in new {
                seen[Self.key(source.service, instance)] = Seen(
                    service: source.service, instance: instance, problem: "not reached yet")
            }
        }
        return new
    }

    private static func key(_ service: ServiceName, _ instance: Instance) -> String {
        "\(service.rawValue) \(instance)"
    }

    private func follow(_ instance: Instance, _ generation: Int, _ source: SpanSource, _ wanted: Wanted) async {
        func isWanted() -> Bool { !Task.isCancelled && wanted.contains(instance, generation) }
        while isWanted() {
            do {
                let (telemetry, close) = try source.connect(instance)
                do {
                    var missed = 0
                    for try await batch in try await telemetry.watchSpans(WatchSpans()) {
                        guard isWanted() else { break }
                        missed = min(Self.mostMissed, missed + max(0, min(Self.mostMissed, batch.missed)))
                        note(source.service, instance, nil, missed: missed)
                        board.collect(batch.spans, of: source.service)
                    }
                    await close()
                } catch {
                    await close()
                    throw error
                }
            } catch {
                if isWanted() { note(source.service, instance, "\(error)", missed: 0) }
            }
            // Throws when the task is cancelled, which ends the loop.
            try? await clock.sleep(for: Self.pause)
        }
    }

    /// More than any instance can have missed.
    private static let mostMissed = 1 << 40

    private func note(_ service: ServiceName, _ instance: Instance, _ problem: String?, missed: Int) {
        let isNew = seen.withLock { seen in
            let key = Self.key(service, instance)
            // It was removed meanwhile.
            guard let before = seen[key] else { return false }
            seen[key]?.problem = problem
            seen[key]?.missed = missed
            return before.problem != problem
        }
        guard isNew, let problem else { return }
        logger.notice(
            "the console gets no spans from an instance",
            metadata: ["service": "\(service.rawValue)", "instance": "\(instance)", "reason": "\(problem)"])
    }
}
