import PetProTesting
import Rookery

/// A measurement, which produces one table.
enum Measurement: String, CaseIterable {
    case availability, tracing, versions, bookings, encryption, overload, hashes, lists, fanout, process, store
}
