public import PetProAssembly
public import PetProContracts
public import PetProStorage
public import Rookery

/// The module of the Vendor service, from which a program assembles its instances.
public enum VendorModule: ServiceModule {
    /// The name of the service.
    public static let name = ServiceName.vendor
    /// The contract of the service.
    public static let contract = VendorAPIContract.descriptor
    /// The migrations of the service's database, oldest first.
    public static var migrations: [Migration] { VendorController.migrations }
    /// The services that this service calls.
    public static let needs: [ServiceName] = []

    /// The tables with personal data.
    public static let sealedTables: [SealedTable] = [VendorSchema.vendors, VendorSchema.specialDays]

    /// Special days, with their notes, go a year after their date.
    public static let retention = [
        RetentionRule(
            "past special days", table: "special_days", key: "vendor_id, date",
            where: "starts_at > 0 AND starts_at <= ?",
            age: .seconds(365 * 24 * 3600))
    ]

    /// Erases a person's rows.
    public static func erase(_ subject: Int, in transaction: Transaction, at now: Instant) throws {
        try transaction.erasePerson(subject)
    }

    /// Assembles an instance. It has no background work.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let vendors = VendorController(
            database: resources.database, needsApproval: resources.options.vendorsNeedApproval)
        if resources.options.demo { try await vendors.enterDemoVendors() }
        return Assembled(VendorAPIContract.service(vendors))
    }
}
