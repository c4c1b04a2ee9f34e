import PetProContracts
import Rookery

/// A wish for a booking, and the vendor's answer about the day.
struct BookingWish: Sendable {
    /// Starts offered on the quarter hours of a window.
    static let slotStep: Duration = .seconds(15 * 60)

    let availability: VendorAvailability
    let service: OfferedService
    let start: Instant

    var end: Instant { start + .seconds(service.durationMinutes * 60) }

    /// What the booking takes up: the time needed after it included.
    var occupied: Interval { Self.occupied(start, service) }

    static func occupied(_ start: Instant, _ service: OfferedService) -> Interval {
        Interval(start: start, end: start + .seconds((service.durationMinutes + service.bufferMinutes) * 60))
    }

    /// Why the vendor's rules do not allow it; nil when they do. Occupancy is another question.
    func refusal(at now: Instant) -> Unavailability? {
        if !availability.status.allows(.takeBookings) { return .notActive }
        if availability.windows.isEmpty { return .closed }
        if start < now + .seconds(availability.leadTimeMinutes * 60) { return .leadTime }
        if !availability.windows.contains(where: { $0.start <= start && end <= $0.end }) { return .outsideHours }
        return nil
    }

    /// The starts of the day at which the service fits, with the places left.
    static func slots(_ availability: VendorAvailability, _ service: OfferedService, taken: [Interval], at now: Instant)
        -> [Slot]
    {
        guard availability.status.allows(.takeBookings) else { return [] }
        let earliest = now + .seconds(availability.leadTimeMinutes * 60)
        var slots: [Slot] = []
        for window in availability.windows {
            var start = window.start
            while start + .seconds(service.durationMinutes * 60) <= window.end {
                let span = occupied(start, service)
                let remaining = availability.capacity - Occupancy.maximumConcurrency(of: taken, within: span)
                if start >= earliest, remaining > 0 {
                    let end = start + .seconds(service.durationMinutes * 60)
                    slots.append(Slot(start: start, end: end, remaining: remaining))
                }
                start = start + slotStep
            }
        }
        return slots
    }

    /// Up to three free starts of the day, the nearest to the one that was wished first.
    func alternatives(taken: [Interval], at now: Instant) -> [Slot] {
        func distance(_ slot: Slot) -> Int64 { (slot.start.milliseconds - start.milliseconds).magnitude.asInt64 }
        let slots = Self.slots(availability, service, taken: taken, at: now).filter { $0.start != start }
        return Array(slots.sorted { (distance($0), $0.start) < (distance($1), $1.start) }.prefix(3))
    }
}
