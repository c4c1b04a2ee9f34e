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

    /// Changes of stock go after 7 days. A watch that resumes further back begins anew.
    public static let retention = [
        RetentionRule(
            "inventory changes", table: "inventory_changes", key: "seq",
            where: "at <= ? AND seq < (SELECT MAX(seq) FROM inventory_changes)", age: .seconds(7 * 24 * 3600))
    ]

    /// Erases a person's rows.
    public static func erase(_ subject: Int, in transaction: Transaction, at now: Instant) throws {
        try transaction.erasePerson(subject)
    }

    /// Assembles an instance. In the background, it releases expired reservations every 10 s.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let products = try await ProductController(database: resources.database)
        if resources.options.demo { try await products.enterDemoProducts() }
        let work = PeriodicService(
            "expired reservations", every: .seconds(10), logger: resources.logger, when: { resources.lease.isHeld }
        ) {
            // After a full batch, more may be left.
            while try await products.expireReservations() == 100 {}
        }
        return Assembled(ProductAPIContract.service(products), work: [work])
    }
}
