import Foundation
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import BookingService

@Suite("Concurrent bookings")
struct HistoryTests {
    /// 20 seeds, or as many as `HISTORIES` says, for a soak.
    private static let seeds = 0..<(ProcessInfo.processInfo.environment["HISTORIES"].flatMap { Int($0) } ?? 20)
    private static let capacity = 2

    /// Notes operations with the order of their beginnings and ends.
    private final class Recorder: Sendable {
        private struct State {
            var clock = 0
            var operations: [History.Operation] = []
        }
        private let state = Mutex(State())

        func tick() -> Int {
            state.withLock {
                $0.clock += 1
                return $0.clock
            }
        }

        /// Returns the operation's index.
        @discardableResult
        func note(_ kind: History.Operation.Kind, _ outcome: History.Outcome, began: Int) -> Int {
            state.withLock { state in
                state.clock += 1
                let isOpen = outcome == .unknown
                state.operations.append(
                    .init(kind: kind, outcome: outcome, began: began, ended: isOpen ? nil : state.clock))
                return state.operations.count - 1
            }
        }

        var operations: [History.Operation] { state.withLock { $0.operations } }
    }

    /// Has four clients book and cancel at once. `limit` is the capacity to which the service holds them.
    private static func record(_ seed: Int, limit: Int) async throws -> History {
        let database = try Database.temporary(BookingController.migrations)
        let bookings = BookingController(
            database: database, vendors: FakeVendors(capacity: limit),
            environment: ServiceEnvironment(now: { at(-600) }))
        let recorder = Recorder()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<4 {
                group.addTask {
                    var random = SeededRandom(UInt64(seed * 10 + client))
                    var own: [(operation: Int, booking: Int)] = []
                    for _ in 0..<5 {
                        // A pet of its own for each booking, because a pet is in one place at a time.
                        let pet = try await bookings.createPet(CreatePet(ownerId: client + 1, name: "P", species: .dog))
                            .id
                        let began = recorder.tick()
                        let isLost = Int.random(in: 0..<8, using: &random) == 0
                        if let last = own.popLast(), Int.random(in: 0..<3, using: &random) == 0 {
                            _ = try await bookings.updateBookingStatus(
                                UpdateBookingStatus(id: last.booking, to: .cancelled, actor: .customer))
                            recorder.note(.cancel(last.operation), isLost ? .unknown : .cancelled, began: began)
                            continue
                        }
                        let start = Int.random(in: 0..<4, using: &random) * 15
                        let span = History.Span(start: start, end: start + 30)
                        do {
                            let made = try await bookings.createBooking(
                                CreateBooking(
                                    customerId: client + 1, vendorId: 1, serviceId: 1, petId: pet, start: at(start)))
                            let at = recorder.note(
                                .book(span), isLost ? .unknown : .booked(made.id), began: began)
                            if !isLost { own.append((at, made.id)) }
                        } catch let error as RemoteError where error.code == .vendorUnavailable {
                            recorder.note(.book(span), isLost ? .unknown : .full, began: began)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return History(operations: recorder.operations, capacity: Self.capacity)
    }

    @Test("happen as if one after the other, cancellations and lost replies included", arguments: seeds)
    func histories(_ seed: Int) async throws {
        let history = try await Self.record(seed, limit: Self.capacity)
        #expect(history.operations.count == 20)
        if !history.isLinearizable {
            let file = NSTemporaryDirectory() + "history-\(seed).txt"
            try history.drawn.write(toFile: file, atomically: true, encoding: .utf8)
            Issue.record("no order explains the history of seed \(seed), which is in \(file):\n\(history.drawn)")
        }
    }

    @Test("that no longer happen one after the other are found: without the check, in nearly every history")
    func withoutCheck() async throws {
        var found = 0
        for seed in 0..<10 where try await !Self.record(seed, limit: 200).isLinearizable { found += 1 }
        #expect(found >= 8)
    }

    private func history(_ operations: [History.Operation], capacity: Int = 1) -> History {
        History(operations: operations, capacity: capacity)
    }

    private func book(_ start: Int, _ outcome: History.Outcome, _ began: Int, _ ended: Int?) -> History.Operation {
        .init(kind: .book(.init(start: start, end: start + 30)), outcome: outcome, began: began, ended: ended)
    }

    @Test("that cannot have happened one after the other are found")
    func checker() {
        // Two in one place, one after the other and at once.
        #expect(!history([book(0, .booked(1), 0, 1), book(15, .booked(2), 2, 3)]).isLinearizable)
        #expect(!history([book(0, .booked(1), 0, 3), book(0, .booked(2), 1, 2)]).isLinearizable)
        #expect(history([book(0, .booked(1), 0, 1), book(30, .booked(2), 2, 3)]).isLinearizable)
        // Full without a reason, and with one that came later.
        #expect(!history([book(0, .full, 0, 1)]).isLinearizable)
        #expect(!history([book(0, .full, 0, 1), book(0, .booked(1), 2, 3)]).isLinearizable)
        #expect(history([book(0, .full, 0, 3), book(0, .booked(1), 1, 2)]).isLinearizable)
        // A cancelled place is free after the cancellation, not before.
        let cancel = History.Operation(kind: .cancel(0), outcome: .cancelled, began: 4, ended: 5)
        #expect(history([book(0, .booked(1), 0, 1), cancel, book(0, .booked(2), 6, 7)]).isLinearizable)
        #expect(!history([book(0, .booked(1), 0, 1), cancel, book(0, .booked(2), 2, 3)]).isLinearizable)
        #expect(!history([book(0, .booked(1), 0, 1), cancel, book(0, .full, 6, 7)]).isLinearizable)
        // A booking whose reply was lost may be the reason, or not.
        #expect(history([book(0, .unknown, 0, nil), book(0, .full, 1, 2)]).isLinearizable)
        #expect(history([book(0, .unknown, 0, nil), book(0, .booked(1), 1, 2)]).isLinearizable)
        #expect(!history([book(0, .unknown, 3, nil), book(0, .full, 1, 2)]).isLinearizable)
    }
}
