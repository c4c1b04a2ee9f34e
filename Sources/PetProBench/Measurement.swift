import PetProTesting
import Rookery

/// What is measured, each a table.
enum Measurement: String, CaseIterable {
    case availability, bookings, overload, hashes, lists, fanout, process
}
