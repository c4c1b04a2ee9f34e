import PetProContracts
import Rookery

/// A requested booking, with the vendor's rules for the day.
struct BookingWish: Sendable {
    /// The interval between offered start times, counted from the start of a window. 15 minutes.
    static let slotStep: Duration = .seconds(15 * 60)

    let availability: VendorAvailability
    let service: OfferedService
    let start: Instant

    var end: Instant { start + .seconds(service.durationMinutes * 60) }

    /// The time that the booking occupies, including the buffer after it.
    var occupied: Interval { Self.occupied(start, service) }

    static func occupied(_ start: Instant, _ service: OfferedService) -> Interval {
        Interval(start: start, end: start + .seconds((service.durationMinutes + service.bufferMinutes) * 60))
    }

    /// Returns why the vendor's rules do not allow the booking, or nil. It does not check occupancy.
    func refusal(at now: Instant) -> Unavailability? {
        if !availability.status.allows(.takeBookings) { return .notActive }
        if availability.windows.isEmpty { return .closed }
        if start < now + .seconds(availability.leadTimeMinutes * 60) { return .leadTime }
        if !availability.windows.contains(where: { $0.start <= start && end <= $0.end }) { return .outsideHours }
        return nil
    }

    /// Returns the start times of the day at which the service fits, with the places left.
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

    /// Returns up to three free start times of the day, nearest to the requested one first.
    func alternatives(taken: [Interval], at now: Instant) -> [Slot] {
        func distance(_ slot: Slot) -> Int64 { (slot.start.milliseconds - start.milliseconds).magnitude.asInt64 }
        let slots = Self.slots(availability, service, taken: taken, at: now).filter { $0.start != start }
        return Array(slots.sorted { (distance($0), $0.start) < (distance($1), $1.start) }.prefix(3))
    }
}
