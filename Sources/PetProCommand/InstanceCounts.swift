import ArgumentParser
import PetProContracts
import Rookery

/// The number of instances of each service, 1 to 16, such as `booking=2,vendor=2`. Other services run once.
struct InstanceCounts: ExpressibleByArgument, Sendable {
    private static let order: [ServiceName] = [.auth, .booking, .vendor, .product]
    private var given: [ServiceName: Int] = [:]

    init() {}

    init?(argument: String) {
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let service = ServiceName(rawValue: String(sides[0])), given[service] == nil,
                let count = Int(sides[1]), (1...16).contains(count)
            else { return nil }
            given[service] = count
        }
    }

    var defaultValueDescription: String { "one of each" }

    /// The number of instances of every service.
    var counts: [ServiceName: Int] { Dictionary(uniqueKeysWithValues: Self.order.map { ($0, given[$0] ?? 1) }) }
    var total: Int { counts.values.reduce(0, +) }

    /// Assigns ports from `port` up: first one instance of each service, then the further instances.
    ///
    /// The order of services is Auth, Booking, Vendor, Product.
    func addresses(from port: Int) -> [(service: ServiceName, address: Instance)] {
        let first = Self.order.map { ($0, 0) }
        let others = Self.order.flatMap { service in (1..<max(1, given[service] ?? 1)).map { (service, $0) } }
        return (first + others).enumerated().map { at, item in
            (item.0, Instance(host: "127.0.0.1", port: port + at))
        }
    }
}
