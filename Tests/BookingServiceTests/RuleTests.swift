import NIOCore
import PetProContracts
import PetProStorage
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import BookingService

@Suite("Occupancy")
struct OccupancyTests {
    @Test("is the most places taken at one moment, not the number of overlaps")
    func backToBack() {
        let taken = [Interval(start: at(0), end: at(30)), Interval(start: at(30), end: at(60))]
        #expect(Occupancy.maximumConcurrency(of: taken, within: Interval(start: at(0), end: at(60))) == 1)
        #expect(Occupancy.maximumConcurrency(of: taken, within: Interval(start: at(60), end: at(90))) == 0)
        #expect(Occupancy.maximumConcurrency(of: [], within: Interval(start: at(0), end: at(60))) == 0)
    }

    @Test("is what counting minute by minute gives", arguments: 0..<50)
    func againstCounting(_ seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let taken = (0..<random(12)).map { _ -> Interval in
            let start = random(60)
            return Interval(start: at(start), end: at(start + 1 + random(20)))
        }
        let span = Interval(start: at(random(40)), end: at(41 + random(40)))
        var most = 0
        for minute in 0..<100 where at(minute) >= span.start && at(minute) < span.end {
            most = max(most, taken.count { $0.start <= at(minute) && at(minute) < $0.end })
        }
        #expect(Occupancy.maximumConcurrency(of: taken, within: span) == most)
    }
}

@Suite("A booking's states")
struct TransitionTests {
    private static func booking(_ status: BookingStatus) -> Booking {
        Booking(
            id: 1, reference: "r", customerId: 1, vendorId: 1, serviceId: 1, petId: 1, start: noon, end: at(45),
            serviceName: "s", price: Money(amountMinor: 1, currency: .eur), durationMinutes: 45, status: status,
            version: 1, flagged: false, history: [], createdAt: at(-1000))
    }

    @Test("follow one another as the platform says, for each actor")
    func matrix() {
        let allowed: Set<String> = [
            "pending>confirmed", "pending>cancelled", "confirmed>in_progress", "confirmed>cancelled",
            "confirmed>no_show",
            "in_progress>completed",
        ]
        for from in BookingStatus.allCases {
            for to in BookingStatus.allCases {
                for actor in BookingActor.allCases {
                    // After the start, when nobody may be missing too early.
                    let isAllowed =
                        (try? BookingTransition.check(Self.booking(from), to: to, by: actor, at: at(1))) != nil
                    let expected = allowed.contains("\(from.rawValue)>\(to.rawValue)") && actor != .customer
                    #expect(isAllowed == expected, "\(from) to \(to) by \(actor)")
                }
            }
        }
    }

    @Test("let a customer cancel until the start, and begin, end or be missed only from then on")
    func time() throws {
        try BookingTransition.check(Self.booking(.confirmed), to: .cancelled, by: .customer, at: at(-1))
        let late = #expect(throws: RemoteError.self) {
            try BookingTransition.check(Self.booking(.confirmed), to: .cancelled, by: .customer, at: noon)
        }
        #expect(late?.code == .cancellationNotAllowed)
        for (from, to) in [
            (BookingStatus.confirmed, BookingStatus.noShow), (.confirmed, .inProgress),
            (.inProgress, .completed),
        ] {
            for actor in [BookingActor.vendor, .admin] {
                let early = #expect(throws: RemoteError.self) {
                    try BookingTransition.check(Self.booking(from), to: to, by: actor, at: noon - .milliseconds(1))
                }
                #expect(early?.code == .invalidTransition)
                try BookingTransition.check(Self.booking(from), to: to, by: actor, at: noon)
            }
        }
    }
}
