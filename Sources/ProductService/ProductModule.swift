public import PetProAssembly
public import PetProContracts
import PetProRuntime
public import PetProStorage
public import Rookery

/// The Product service, as the program that runs it sees it.
public enum ProductModule: ServiceModule {
    /// Its name.
    public static let name = ServiceName.product
    /// What it declares.
    public static let contract = ProductAPIContract.descriptor
    /// Its database, from the first version on.
    public static var migrations: [Migration] { ProductController.migrations }
    /// The services that it calls.
    public static let needs: [ServiceName] = []

    /// Products and their stock.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let products = try await ProductController(database: resources.database)
        if resources.options.demo { try await products.enterDemoProducts() }
        let work = PeriodicService("expired reservations", every: .seconds(10), logger: resources.logger) {
            // A full batch may have left some.
            while try await products.expireReservations() == 100 {}
        }
        return Assembled(ProductAPIContract.service(products), work: [work])
    }
}
