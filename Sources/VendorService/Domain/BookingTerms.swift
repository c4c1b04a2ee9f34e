import PetProContracts

/// What decides about a booking at a vendor. None of it is personal.
struct BookingTerms: Sendable {
    /// A name of the IANA database.
    var timeZone: String
    /// How many bookings may overlap.
    var capacity: Int
    /// How long before its start a booking must be made, in minutes.
    var leadTimeMinutes: Int
    /// How many days ahead a booking may start.
    var horizonDays: Int
    var status: VendorStatus
    var version: Int
    var services: [OfferedService] = []
    /// The weekly hours, and the special days that were asked for.
    var schedule = Schedule(weekly: [:], special: [:])
}
