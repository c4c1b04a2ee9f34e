import ArgumentParser
import PetProContracts

/// The services whose ports take calls without a service key: `auth,vendor`, or `all`.
struct OpenListeners: ExpressibleByArgument, Sendable, CustomStringConvertible {
    private(set) var services: Set<ServiceName> = []

    init() {}

    init?(argument: String) {
        if argument == "all" {
            services = Set(ServiceName.allCases)
            return
        }
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let service = ServiceName(rawValue: String(part)) else { return nil }
            services.insert(service)
        }
    }

    var description: String {
        services.isEmpty ? "none" : services.map(\.rawValue).sorted().joined(separator: ",")
    }
    var defaultValueDescription: String { "none" }
}
