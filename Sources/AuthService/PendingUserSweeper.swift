public import Logging
public import PetProContracts
public import PetProRuntime
public import PetProStorage
import Rookery

/// Takes back accounts whose registration never got its vendor, 15 minutes after an attempt last went on with it.
///
/// Claims an account first, so that no attempt goes on with it meanwhile; then asks Vendor, because a reply may have been
/// lost while the vendor was made; then deletes or activates it, if the claim still holds.
public struct PendingUserSweeper: Sendable {
    private let database: Database
    private let vendors: any VendorAPI
    private let environment: ServiceEnvironment
    private let logger: Logger
    /// Accounts looked at in one sweep.
    private static let batch = 100

    /// A sweeper over Auth's database.
    public init(
        database: Database, vendors: some VendorAPI, environment: ServiceEnvironment = ServiceEnvironment(),
        logger: Logger = Logger(label: "petpro.auth")
    ) {
        self.database = database
        self.vendors = vendors
        self.environment = environment
        self.logger = logger
    }

    /// Looks once at every account that has been pending for too long. One that cannot be settled now is logged, and looked
    /// at again another time; the others are settled all the same.
    public func sweep() async throws {
        let now = environment.now()
        let forsaken = try await database.read { try $0.forsakenUsers(at: now, limit: Self.batch) }
        for id in forsaken {
            do {
                try await settle(id)
            } catch let error as CancellationError {
                throw error
            } catch {
                logger.warning(
                    "a pending account cannot be settled now", metadata: ["userId": "\(id)", "error": "\(error)"])
            }
        }
    }

    private func settle(_ id: Int) async throws {
        let token = environment.uniqueID()
        let claimedAt = environment.now()
        guard try await database.write({ try $0.claim(id, as: token, at: claimedAt) }) else { return }
        let hasVendor: Bool
        do {
            _ = try await vendors.getVendorByUser(GetVendorByUser(userId: id))
            hasVendor = true
        } catch let error as RemoteError where error.code == .vendorNotFound {
            hasVendor = false
        }
        let now = environment.now()
        let eventId = environment.uniqueID()
        try await database.write { transaction in
            guard try transaction.settle(id, claim: token, hasVendor: hasVendor), !hasVendor else { return }
            try transaction.publish(.userDeleted, UserDeleted(userId: id), about: "user-\(id)", at: now, id: eventId)
        }
    }
}
