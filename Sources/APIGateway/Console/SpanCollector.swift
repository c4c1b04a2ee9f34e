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

    /// The instances of a service that are to be followed.
    private final class Wanted: Sendable {
        private let instances = Mutex<Set<Instance>>([])

        func contains(_ instance: Instance) -> Bool { instances.withLock { $0.contains(instance) } }

        /// Returns those that are new.
        func change(to new: [Instance]) -> Set<Instance> {
            instances.withLock { known in
                defer { known = Set(new) }
                return Set(new).subtracting(known)
            }
        }
    }

    /// Follows all instances of a service, those that come later too.
    private func follow(_ source: SpanSource) async {
        await withDiscardingTaskGroup { group in
            let wanted = Wanted()
            for instance in changed(source, source.discovery.initial, wanted) {
                group.addTask { await self.follow(instance, source, wanted) }
            }
            // A list that cannot be read any more stays as it was.
            try? await source.discovery.watch { instances in
                for instance in changed(source, instances, wanted) {
                    group.addTask { await self.follow(instance, source, wanted) }
                }
            }
        }
    }

    private func changed(_ source: SpanSource, _ instances: [Instance], _ wanted: Wanted) -> Set<Instance> {
        let new = wanted.change(to: instances)
        seen.withLock { seen in
            seen = seen.filter { $0.value.service != source.service || wanted.contains($0.value.instance) }
        }
        return new
    }

    private func follow(_ instance: Instance, _ source: SpanSource, _ wanted: Wanted) async {
        while wanted.contains(instance), !Task.isCancelled {
            do {
                let (telemetry, close) = try source.connect(instance)
                do {
                    for try await batch in try await telemetry.watchSpans(WatchSpans()) {
                        note(source.service, instance, nil, missed: batch.missed)
                        board.collect(batch.spans, of: source.service)
                        if !wanted.contains(instance) { break }
                    }
                    await close()
                } catch {
                    await close()
                    throw error
                }
            } catch {
                if Task.isCancelled { return }
                note(source.service, instance, "\(error)", missed: 0)
            }
            try? await clock.sleep(for: Self.pause)
        }
    }

    private func note(_ service: ServiceName, _ instance: Instance, _ problem: String?, missed: Int) {
        let isNew = seen.withLock { seen in
            let key = "\(service.rawValue) \(instance)"
            let before = seen[key]?.problem
            let isNew = seen[key] == nil || before != problem
            seen[key, default: Seen(service: service, instance: instance)].problem = problem
            seen[key]?.missed += missed
            return isNew
        }
        guard isNew, let problem else { return }
        logger.notice(
            "the console sees nothing of an instance",
            metadata: ["service": "\(service.rawValue)", "instance": "\(instance)", "reason": "\(problem)"])
    }
}
