import ArgumentParser
import PetProContracts
import Rookery

/// A part of the platform that `petpro serve` can run.
enum Part: String, ExpressibleByArgument, CaseIterable {
    case auth, booking, vendor, product, gateway

    var service: ServiceName? { ServiceName(rawValue: rawValue) }
}
