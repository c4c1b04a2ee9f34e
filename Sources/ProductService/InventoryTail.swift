import PetProContracts
import PetProStorage
import Rookery
import PetProRuntime

/// Reads the inventory log once for all the watchers of a process.
///
/// The log is looked at only while there are watchers, by one of them for all: the first who waits sleeps and reads, the
/// others wait for it. What was read last is kept, so that a watcher that is a little behind costs no query of its own.
actor InventoryTail {
    /// One change, ready to be sent.
    struct Entry: Sendable {
        let seq: Int
        let productId: Int
        let vendorId: Int
        let chunk: InventoryChunk
    }

    /// What a watcher gets.
    struct Reading: Sendable {
        /// In the order of their commits; none when nothing happened for a while.
        var entries: [Entry]
        /// How often the log had been looked at: the time, in units of ``poll``.
        var round: Int
    }

    /// How often the log is looked at.
    static let poll: Duration = .milliseconds(250)
    /// After so many looks at which nothing was new the watchers are told that, for their heartbeats.
    static let silentRounds = 4
    /// Changes that are kept.
    static let kept = 1024
    /// Changes that are read, or handed out, at once.
    static let batch = 256

    private let read: @Sendable (_ after: Int, _ limit: Int) async throws -> [Entry]
    private let clock: any Clock<Duration>
    private let wakeUp = Signal()
    private var entries: [Entry] = []
    /// The number of the last change that was read; the ones in `entries` end here.
    private var head = 0
    private var round = 0
    private var isReading = false

    init(
        clock: any Clock<Duration>, read: @escaping @Sendable (_ after: Int, _ limit: Int) async throws -> [Entry]
    ) {
        self.clock = clock
        self.read = read
    }

    /// The changes after a number, at most ``batch``. Waits for one, but not longer than ``silentRounds``. Throws what
    /// reading throws, and `CancellationError`.
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

    /// What is in the log already.
    private func known(after seq: Int) async throws -> Reading {
        // A watcher so far behind that it is no longer kept reads for itself.
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
            // Another one goes on, if this one was cancelled.
            wakeUp.send()
        }
        if seq > head {
            // The log has not been looked at for a while.
            entries = []
            head = seq
        }
        for _ in 0..<Self.silentRounds {
            try await clock.sleep(for: Self.poll)
            let new = try await read(head, Self.batch)
            round += 1
            guard let last = new.last else { continue }
            head = last.seq
            entries.append(contentsOf: new)
            entries.removeFirst(max(0, entries.count - Self.kept))
            return
        }
    }
}
