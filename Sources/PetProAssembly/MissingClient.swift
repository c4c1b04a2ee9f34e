public import PetProContracts

/// A service is not told where another one is that it needs.
public struct MissingClient: Error, CustomStringConvertible {
    /// The one that it needs.
    public let service: ServiceName

    /// Names it.
    public init(service: ServiceName) { self.service = service }

    /// Says what to do.
    public var description: String {
        "no address for \(service.rawValue): give --\(service.rawValue) HOST:PORT"
    }
}
