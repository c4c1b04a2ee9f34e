public import PetProAssembly
public import PetProContracts
import PetProRuntime
public import PetProStorage
public import Rookery

/// The module of the Auth service, from which a program assembles its instances.
public enum AuthModule: ServiceModule {
    /// The name of the service.
    public static let name = ServiceName.auth
    /// The contract of the service.
    public static let contract = AuthAPIContract.descriptor
    /// The migrations of the service's database, oldest first.
    public static var migrations: [Migration] { AuthController.migrations }
    /// The services that this service calls.
    public static let needs: [ServiceName] = [.vendor]

    /// The tables with personal data.
    public static let sealedTables: [SealedTable] = [AuthSchema.users]

    /// Refresh tokens go a day after they have expired.
    public static let retention = [
        RetentionRule(
            "expired refresh tokens", table: "refresh_tokens", key: "hash", where: "expires_at <= ?",
            age: .seconds(24 * 3600))
    ]

    /// Erases a person's rows.
    public static func erase(_ subject: Int, in transaction: Transaction, at now: Instant) throws {
        _ = try transaction.eraseUser(subject, at: now)
        // The backup may be from before the other services were told.
        try transaction.publish(
            .userDeleted, UserDeleted(userId: subject), about: "user-\(subject)", at: now,
            id: ServiceEnvironment.randomID())
    }

    /// Assembles an instance. In the background, it settles pending accounts every 60 s, for which it calls Vendor.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let (database, options, logger) = (resources.database, resources.options, resources.logger)
        let auth = try await AuthController(
            database: database, signingKeys: options.signingKeys, passwordCost: options.passwordCost,
            audit: resources.audit, logger: logger)
        if options.demo { try await auth.enterDemoUsers() }
        let vendors = VendorAPIClient(try resources.client(.vendor))
        let sweeper = PendingUserSweeper(database: database, vendors: vendors, logger: logger)
        let work = PeriodicService(
            "pending accounts", every: .seconds(60), logger: logger, when: { resources.lease.isHeld }
        ) {
            try await sweeper.sweep()
        }
        return Assembled(AuthAPIContract.service(auth), work: [work])
    }
}
