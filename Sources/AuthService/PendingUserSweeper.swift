public import PetProContracts
public import PetProStorage
import Rookery

/// Takes back accounts whose registration never got its vendor, after 15 minutes. Asks Vendor first: a reply may have
/// been lost while the vendor was made.
public struct PendingUserSweeper: Sendable {
    /// 15 minutes.
    public static let age: Duration = .seconds(15 * 60)

    private let database: Database
    private let vendors: any VendorAPI
    private let environment: ServiceEnvironment

    /// A sweeper over Auth's database.
    public init(
        database: Database, vendors: some VendorAPI, environment: ServiceEnvironment = ServiceEnvironment()
    ) {
        self.database = database
        self.vendors = vendors
        self.environment = environment
    }

    /// Looks once at every account that has been pending for too long.
    public func sweep() async throws {
        let now = environment.now()
        let pending = try await database.read { try $0.pendingUsers(createdBefore: now - Self.age) }
        for record in pending {
            let hasVendor: Bool
            do {
                _ = try await vendors.getVendorByUser(GetVendorByUser(userId: record.user.id))
                hasVendor = true
            } catch let error as RemoteError where error.code == .vendorNotFound {
                hasVendor = false
            }
            let eventId = environment.uniqueID()
            try await database.write { transaction in
                // It may have been activated, or taken back, while Vendor was asked.
                guard try transaction.user(id: record.user.id)?.user.state == .pendingVendor else { return }
                if hasVendor {
                    try transaction.setState(.active, ofUser: record.user.id)
                } else {
                    try transaction.execute("DELETE FROM users WHERE id = ?", record.user.id)
                    try transaction.publish(.userDeleted, UserDeleted(userId: record.user.id), at: now, id: eventId)
                }
            }
        }
    }
}
