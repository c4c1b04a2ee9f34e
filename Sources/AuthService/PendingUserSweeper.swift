public import Logging
public import PetProContracts
public import PetProRuntime
public import PetProStorage
import Rookery

/// Settles accounts that have no vendor 15 minutes after the last attempt that continued their registration.
///
/// The sweeper first claims an account, so that no attempt continues it meanwhile. Then it asks Vendor, because the
/// vendor may exist although its reply was lost. If the claim still holds, it activates an account with a vendor and
/// deletes one without.
public struct PendingUserSweeper: Sendable {
    private let database: Database
    private let vendors: any VendorAPI
    private let environment: ServiceEnvironment
    private let logger: Logger
    /// The most accounts of one sweep.
    private static let batch = 100

    /// Makes a sweeper of Auth's database. It asks `vendors` for the vendor of each account.
    public init(
        database: Database, vendors: some VendorAPI, environment: ServiceEnvironment = ServiceEnvironment(),
        logger: Logger = Logger(label: "petpro.auth")
    ) {
        self.database = database
        self.vendors = vendors
        self.environment = environment
        self.logger = logger
    }

    /// Settles accounts that have been pending for too long, oldest first, at most 100.
    ///
    /// It logs an account that cannot be settled now, and continues with the others. A later sweep tries that account
    /// again. Throws when the database cannot be read, and `CancellationError`.
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
            guard try transaction.settle(id, claim: token, hasVendor: hasVendor, at: now), !hasVendor else { return }
            try transaction.publish(.userDeleted, UserDeleted(userId: id), about: "user-\(id)", at: now, id: eventId)
        }
    }
}
