import PetProContracts
import PetProRuntime
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import ProductService

@Suite("The tail of the inventory log")
struct TailTests {
    /// A log that counts how often it is read.
    private final class FakeLog: Sendable {
        let state = Mutex((last: 0, reads: 0))

        func append(_ count: Int) { state.withLock { $0.last += count } }
        var reads: Int { state.withLock { $0.reads } }

        func read(after seq: Int, limit: Int) -> [InventoryTail.Entry] {
            state.withLock { state in
                state.reads += 1
                guard seq < state.last else { return [] }
                return ((seq + 1)...state.last).prefix(limit).map { seq in
                    InventoryTail.Entry(
                        seq: seq, productId: seq % 10, vendorId: 1,
                        chunk: .heartbeat(cursor: "\(seq)", at: Instant(milliseconds: 0)))
                }
            }
        }
    }

    private let log = FakeLog()
    private let clock = ManualClock()

    private func tail() -> InventoryTail {
        let log = self.log
        return InventoryTail(clock: clock) { log.read(after: $0, limit: $1) }
    }

    @Test("reads the log once for all watchers, and each gets every change once")
    func onceForAll() async throws {
        let tail = self.tail()
        let (clock, log) = (self.clock, self.log)
        try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<100 {
                group.addTask {
                    var seen: [Int] = []
                    while seen.count < 30 {
                        seen += try await tail.changes(after: seen.last ?? 0).entries.map(\.seq)
                    }
                    return seen
                }
            }
            for _ in 0..<3 {
                // All of them wait, one for the clock.
                await clock.sleeping()
                log.append(10)
                clock.advance(by: InventoryTail.rest)
                await clock.sleeping()
                clock.advance(by: InventoryTail.poll)
            }
            for try await seen in group { #expect(seen == Array(1...30)) }
        }
        #expect(log.reads == 3)
    }

    @Test("tells watchers now and then that nothing happened, and does not look at all without them")
    func silence() async throws {
        let tail = self.tail()
        #expect(log.reads == 0)
        async let reading = tail.changes(after: 7)
        for _ in 0..<InventoryTail.silentRounds {
            await clock.sleeping()
            clock.advance(by: InventoryTail.rest)
            await clock.sleeping()
            clock.advance(by: InventoryTail.poll)
        }
        let silent = try await reading
        #expect(silent.entries.isEmpty && silent.round == InventoryTail.silentRounds)
        #expect(log.reads == InventoryTail.silentRounds)
    }

    @Test("looks at once after a change of its own process, and no sooner than a rest after the last look")
    func changed() async throws {
        let changed = Signal()
        let log = self.log
        let tail = InventoryTail(clock: clock, changed: changed) { log.read(after: $0, limit: $1) }
        async let reading = tail.changes(after: 0)
        await clock.sleeping()
        log.append(1)
        changed.send()
        #expect(log.reads == 0)
        clock.advance(by: InventoryTail.rest)
        let read = try await reading
        #expect(read.entries.map(\.seq) == [1] && log.reads == 1)
        #expect(read.round == 0, "looks are no measure of time")
    }

    @Test("has another watcher read when the one that does is cancelled")
    func handedOver() async throws {
        let tail = self.tail()
        let first = Task { try await tail.changes(after: 0) }
        await clock.sleeping()
        let second = Task {
            var entries: [InventoryTail.Entry] = []
            // What it is told when the first one ends says nothing yet.
            while entries.isEmpty { entries = try await tail.changes(after: 0).entries }
            return entries
        }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        log.append(1)
        await clock.sleeping()
        clock.advance(by: InventoryTail.rest)
        await clock.sleeping()
        clock.advance(by: InventoryTail.poll)
        #expect(try await second.value.map(\.seq) == [1])
    }

    @Test("lets a watcher that is far behind catch up, without a gap")
    func behind() async throws {
        let tail = self.tail()
        var position = 0
        let reader = 12 * InventoryTail.batch
        for turn in 0..<12 {
            log.append(InventoryTail.batch)
            async let reading = tail.changes(after: turn * InventoryTail.batch)
            await clock.sleeping()
            clock.advance(by: InventoryTail.rest)
            await clock.sleeping()
            clock.advance(by: InventoryTail.poll)
            #expect(try await reading.entries.last?.seq == (turn + 1) * InventoryTail.batch)
        }
        // The last 1024 are kept; what is older is read for this watcher alone.
        var seen: [Int] = []
        while position < reader {
            let entries = try await tail.changes(after: position).entries
            seen += entries.map(\.seq)
            position = entries.last?.seq ?? reader
        }
        #expect(seen == Array(1...reader))
    }
}
