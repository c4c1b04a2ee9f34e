public import PetProContracts
public import PetProStorage
public import Rookery

/// A service of PetPro: what the service needs, and how a program assembles its instances.
public protocol ServiceModule: Sendable {
    /// The name of the service.
    static var name: ServiceName { get }
    /// The contract of the service.
    static var contract: ContractDescriptor { get }
    /// The migrations of the service's database, oldest first.
    static var migrations: [Migration] { get }
    /// The services that this service calls.
    static var needs: [ServiceName] { get }
    /// The tables with personal data.
    static var sealedTables: [SealedTable] { get }

    /// How long the rows of its own tables are kept, where that is not for good.
    static var retention: [RetentionRule] { get }

    /// Erases a person's rows. An erased person is no error.
    static func erase(_ subject: Int, in transaction: Transaction, at now: Instant) throws

    /// Assembles an instance: its handlers and its background work.
    ///
    /// In demo mode, it inserts demo data into an empty database. Throws ``MissingClient`` when `resources` lacks a
    /// client of a needed service, and the errors of the database.
    static func assemble(_ resources: ServiceResources) async throws -> Assembled
}
