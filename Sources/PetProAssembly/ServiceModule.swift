public import PetProContracts
public import PetProStorage
public import Rookery

/// A service of PetPro, as the program that runs it sees it: what it needs, and how it is put together.
public protocol ServiceModule: Sendable {
    /// Its name.
    static var name: ServiceName { get }
    /// What it declares.
    static var contract: ContractDescriptor { get }
    /// Its database, from the first version on.
    static var migrations: [Migration] { get }
    /// The services that it calls.
    static var needs: [ServiceName] { get }

    /// Puts an instance together: what it serves, and what it does in the background. In demo mode it enters its data into an
    /// empty database.
    static func assemble(_ resources: ServiceResources) async throws -> Assembled
}
