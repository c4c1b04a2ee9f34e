public import PetProAssembly
public import PetProContracts
import PetProRuntime
public import PetProStorage
public import Rookery

/// The Auth service, as the program that runs it sees it.
public enum AuthModule: ServiceModule {
    /// Its name.
    public static let name = ServiceName.auth
    /// What it declares.
    public static let contract = AuthAPIContract.descriptor
    /// Its database, from the first version on.
    public static var migrations: [Migration] { AuthController.migrations }
    /// The services that it calls.
    public static let needs: [ServiceName] = [.vendor]

    /// Accounts and tokens; it asks Vendor what has become of pending accounts.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let (database, options, logger) = (resources.database, resources.options, resources.logger)
        let auth = try await AuthController(
            database: database, signingKeys: options.signingKeys, passwordCost: options.passwordCost, logger: logger)
        if options.demo { try await auth.enterDemoUsers() }
        let vendors = VendorAPIClient(try resources.client(.vendor))
        let sweeper = PendingUserSweeper(database: database, vendors: vendors, logger: logger)
        let work = PeriodicService("pending accounts", every: .seconds(60), logger: logger) {
            try await sweeper.sweep()
        }
        return Assembled(AuthAPIContract.service(auth), work: [work])
    }
}
