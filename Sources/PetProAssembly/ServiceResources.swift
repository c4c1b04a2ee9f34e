public import Logging
public import PetProContracts
public import PetProRuntime
public import PetProStorage
public import Rookery

/// The resources of an instance of a service.
public struct ServiceResources: Sendable {
    /// The service's database, open and migrated.
    public let database: Database
    /// The right to do what only one instance should.
    public let lease: WorkLease
    /// The operator's options.
    public let options: ServiceOptions
    /// Records what the instance does to personal data.
    public let audit: Auditor
    /// The logger of the instance.
    public let logger: Logger
    private let clients: [ServiceName: RookeryClient]

    /// Makes resources. `clients` has a client for each service that the instance needs.
    public init(
        database: Database, lease: WorkLease, clients: [ServiceName: RookeryClient], options: ServiceOptions,
        audit: Auditor,
        logger: Logger
    ) {
        self.database = database
        self.lease = lease
        self.clients = clients
        self.options = options
        self.audit = audit
        self.logger = logger
    }

    /// Returns the client of a service. Throws ``MissingClient`` when there is none.
    public func client(_ service: ServiceName) throws(MissingClient) -> RookeryClient {
        guard let client = clients[service] else { throw MissingClient(service: service) }
        return client
    }
}
