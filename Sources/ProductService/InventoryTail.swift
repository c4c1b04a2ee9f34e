import PetProContracts
import PetProStorage
import Rookery
import PetProRuntime

/// Reads the inventory log once for all watchers of a process.
///
/// The log is polled only while there are watchers. The first watcher that waits polls for all, and the others wait for
/// it. The last changes stay in memory, so that a watcher slightly behind needs no query of its own.
actor InventoryTail {
    /// One change, ready to be sent.
    struct Entry: Sendable {
        let seq: Int
        let productId: Int
        let vendorId: Int
        let chunk: InventoryChunk
    }

    /// The result of one read.
    struct Reading: Sendable {
        /// The changes in the order of their commits. Empty when nothing changed for a while.
        var entries: [Entry]
        /// The time since the tail was made, in units of ``poll``.
        var round: Int
    }

    /// The time between two polls of the log, if no change of this process ends it.
    static let poll: Duration = .milliseconds(250)
    /// After this many polls without a change, the watchers get an empty reading, for their heartbeats.
    static let silentRounds = 4
    /// The most changes that stay in memory.
    static let kept = 1024
    /// The most changes that are read or returned at once.
    static let batch = 256

    private let read: @Sendable (_ after: Int, _ limit: Int) async throws -> [Entry]
    /// The shortest time between two polls, so that many changes share one.
    static let rest: Duration = .milliseconds(10)

    private let clock: any Clock<Duration>
    private let changed: Signal
    private let wakeUp = Signal()
    private var entries: [Entry] = []
    /// The number of the last change that was read, with which `entries` end.
    private var head = 0
    private var round: Int { Int(elapsed() / Self.poll) }
    private let elapsed: @Sendable () -> Duration
    private var isReading = false

    /// Makes a tail. `changed` is sent after changes of this process; those of others wait for the next poll.
    init(
        clock: any Clock<Duration>, changed: Signal = Signal(),
        read: @escaping @Sendable (_ after: Int, _ limit: Int) async throws -> [Entry]
    ) {
        self.clock = clock
        elapsed = Self.stopwatch(clock)
        self.changed = changed
        self.read = read
    }

    private static func stopwatch<C: Clock<Duration>>(_ clock: C) -> @Sendable () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }

    /// Returns the changes after `seq`, at most ``batch``. Waits for a change, for at most ``silentRounds`` polls.
    ///
    /// Throws what reading the log throws, and `CancellationError`.
    func changes(after seq: Int) async throws -> Reading {
        if seq < head { return try await known(after: seq) }
        if isReading {
            await wakeUp.wait()
            try Task.checkCancellation()
        } else {
            try await lookForAll(after: seq)
        }
        return seq < head ? try await known(after: seq) : Reading(entries: [], round: round)
    }

    /// Returns changes that are already in the log.
    private func known(after seq: Int) async throws -> Reading {
        // A watcher that is further behind than `entries` reach makes its own query.
        let isKept = seq >= (entries.first?.seq ?? .max) - 1
        let found =
            isKept
            ? Array(entries.drop { $0.seq <= seq }.prefix(Self.batch)) : try await read(seq, Self.batch)
        return Reading(entries: found, round: round)
    }

    private func lookForAll(after seq: Int) async throws {
        isReading = true
        defer {
            isReading = false
            // Another watcher continues if this one was cancelled.
            wakeUp.send()
        }
        if seq > head {
            // The log has not been read for a while.
            entries = []
            head = seq
        }
        for _ in 0..<Self.silentRounds {
            try await clock.sleep(for: Self.rest)
            await changed.wait(atMost: Self.poll - Self.rest, clock: clock)
            try Task.checkCancellation()
            let new = try await read(head, Self.batch)
            guard let last = new.last else { continue }
            head = last.seq
            entries.append(contentsOf: new)
            entries.removeFirst(max(0, entries.count - Self.kept))
            return
        }
    }
}
