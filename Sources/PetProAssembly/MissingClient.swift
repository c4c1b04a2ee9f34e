public import PetProContracts

/// A service has no address of another service that it needs.
public struct MissingClient: Error, CustomStringConvertible {
    /// The service whose address is missing.
    public let service: ServiceName

    /// Makes the error for a missing service.
    public init(service: ServiceName) { self.service = service }

    /// The message for the operator, with the option that gives the address.
    public var description: String {
        "no address for \(service.rawValue): give --\(service.rawValue) HOST:PORT"
    }
}
