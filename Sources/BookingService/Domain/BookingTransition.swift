import PetProContracts
import Rookery

extension UInt64 {
    var asInt64: Int64 { Int64(clamping: self) }
}

/// The rules of a booking's status: which actor may set which status, and when.
enum BookingTransition {
    /// Throws the reason why `actor` may not set a booking to `next` now.
    static func check(_ booking: Booking, to next: BookingStatus, by actor: BookingActor, at now: Instant)
        throws(RemoteError)
    {
        let isKnown =
            switch (booking.status, next) {
            case (.pending, .confirmed), (.pending, .cancelled), (.confirmed, .inProgress), (.confirmed, .cancelled),
                (.confirmed, .noShow), (.inProgress, .completed):
                true
            default: false
            }
        guard isKnown else {
            throw RemoteError(
                .invalidTransition, "A booking that is \(booking.status.rawValue) cannot become \(next.rawValue).")
        }
        if actor == .customer {
            guard next == .cancelled else {
                throw RemoteError(.forbidden, "Only the vendor can set a booking to \(next.rawValue).")
            }
            guard now < booking.start else {
                throw RemoteError(.cancellationNotAllowed, "A booking can be cancelled until its start.")
            }
        }
        if next == .inProgress || next == .completed || next == .noShow, now < booking.start {
            throw RemoteError(.invalidTransition, "A booking cannot be \(next.rawValue) before its start.")
        }
    }
}
