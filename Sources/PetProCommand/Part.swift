import ArgumentParser
import PetProContracts
import Rookery
import UnixSignals

/// A part of the platform that `petpro serve` can run.
enum Part: String, ExpressibleByArgument, CaseIterable {
    case auth, booking, vendor, product, gateway

    var service: ServiceName? { ServiceName(rawValue: rawValue) }
}
