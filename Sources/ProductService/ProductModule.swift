public import PetProAssembly
public import PetProContracts
import PetProRuntime
public import PetProStorage
public import Rookery

/// The module of the Product service, from which a program assembles its instances.
public enum ProductModule: ServiceModule {
    /// The name of the service.
    public static let name = ServiceName.product
    /// The contract of the service.
    public static let contract = ProductAPIContract.descriptor
    /// The migrations of the service's database, oldest first.
    public static var migrations: [Migration] { ProductController.migrations }
    /// The services that this service calls.
    public static let needs: [ServiceName] = []

    /// The tables with personal data.
    public static let sealedTables: [SealedTable] = []

    /// Erases a person's rows.
    public static func erase(_ subject: Int, in transaction: Transaction, at now: Instant) throws {
        try transaction.erasePerson(subject)
    }

    /// Assembles an instance. In the background, it releases expired reservations every 10 s.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let products = try await ProductController(database: resources.database)
        if resources.options.demo { try await products.enterDemoProducts() }
        let work = PeriodicService("expired reservations", every: .seconds(10), logger: resources.logger) {
            // After a full batch, more may be left.
            while try await products.expireReservations() == 100 {}
        }
        return Assembled(ProductAPIContract.service(products), work: [work])
    }
}
