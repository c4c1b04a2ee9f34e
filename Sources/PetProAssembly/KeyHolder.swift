public import PetProContracts
package import RookeryCore

/// Who has a service key in PetPro, and what each key allows: no more than its holder's own calls need.
public enum KeyHolder: String, CaseIterable, Sendable {
    case gateway, auth, booking, vendor, product
    /// The engineer who runs the platform, with the `rookery` command.
    case `operator`

    /// The holder that is this service.
    public init(_ service: ServiceName) {
        switch service {
        case .auth: self = .auth
        case .booking: self = .booking
        case .vendor: self = .vendor
        case .product: self = .product
        }
    }

    /// The service of this name. Nil for the gateway and the operator.
    public var service: ServiceName? { ServiceName(rawValue: rawValue) }

    /// The commands that the holder calls at a service, by their names on the wire.
    private func commands(of service: ServiceName) -> [String] {
        switch (self, service) {
        case (.gateway, .auth):
            [
                "validate-token", "create-user", "delete-user", "erase-user", "login", "refresh-token", "logout",
                "get-user", "get-signing-keys", "change-password",
            ]
        case (.gateway, .booking):
            [
                "get-booking", "create-booking", "check-availability", "list-bookings", "update-booking-status",
                "create-pet", "list-pets",
            ]
        case (.gateway, .vendor):
            [
                "create-vendor", "get-vendor-by-id", "get-vendor-by-user", "list-vendors", "update-vendor",
                "set-vendor-hours", "add-service", "set-vendor-status",
            ]
        case (.gateway, .product):
            [
                "get-product", "check-inventory", "list-products", "create-product", "adjust-inventory",
                "reserve-inventory", "release-reservation", "watch-inventory-changes",
            ]
        case (.auth, .vendor): ["get-vendor-by-user"]
        case (.booking, .vendor): ["get-vendor-availability"]
        default: []
        }
    }

    /// The events that the holder delivers to a service.
    private func events(to service: ServiceName) -> [String] {
        EventType.allCases.filter { $0.publisher.rawValue == rawValue && $0.subscribers.contains(service) }
            .map(\.rawValue)
    }

    /// What the holder's key allows. A caller of a service may also ask for its health.
    package var scopes: [KeyScope] {
        if self == .operator { return [.everything] }
        return ServiceName.allCases.flatMap { service in
            // The console of the gateway draws what happens in all processes.
            let telemetry =
                self == .gateway
                ? ["read-spans", "read-outlines", "describe-event-log", "replay-dead-letter", "set-fault"] : []
            let names = commands(of: service) + events(to: service) + telemetry
            return (names.isEmpty ? names : names + ["$rookery.health"]).map { KeyScope(service.rawValue, $0) }
        }
    }
}
