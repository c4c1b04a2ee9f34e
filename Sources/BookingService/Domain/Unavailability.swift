import PetProContracts
import Rookery

/// Why a vendor cannot take a booking.
enum Unavailability: String, Sendable {
    case closed
    case outsideHours = "outside_hours"
    case full
    case notActive = "not_active"
    case leadTime = "lead_time"
}
