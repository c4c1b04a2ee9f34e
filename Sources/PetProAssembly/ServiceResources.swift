public import Logging
public import PetProContracts
public import PetProStorage
public import Rookery

/// What an instance of a service is given.
public struct ServiceResources: Sendable {
    /// Its database, open and migrated.
    public let database: Database
    /// What the operator chose.
    public let options: ServiceOptions
    /// Where it logs.
    public let logger: Logger
    private let clients: [ServiceName: RookeryClient]

    /// Puts them together; `clients` are those of the services that it needs.
    public init(
        database: Database, clients: [ServiceName: RookeryClient], options: ServiceOptions, logger: Logger
    ) {
        self.database = database
        self.clients = clients
        self.options = options
        self.logger = logger
    }

    /// The client of a service that it needs. Throws ``MissingClient`` when there is none.
    public func client(_ service: ServiceName) throws(MissingClient) -> RookeryClient {
        guard let client = clients[service] else { throw MissingClient(service: service) }
        return client
    }
}
