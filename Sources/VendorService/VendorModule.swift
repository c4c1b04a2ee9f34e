public import PetProAssembly
public import PetProContracts
public import PetProStorage
public import Rookery

/// The Vendor service, as the program that runs it sees it.
public enum VendorModule: ServiceModule {
    /// Its name.
    public static let name = ServiceName.vendor
    /// What it declares.
    public static let contract = VendorAPIContract.descriptor
    /// Its database, from the first version on.
    public static var migrations: [Migration] { VendorController.migrations }
    /// The services that it calls.
    public static let needs: [ServiceName] = []

    /// Vendors, their services and hours.
    public static func assemble(_ resources: ServiceResources) async throws -> Assembled {
        let vendors = VendorController(
            database: resources.database, needsApproval: resources.options.vendorsNeedApproval)
        if resources.options.demo { try await vendors.enterDemoVendors() }
        return Assembled(VendorAPIContract.service(vendors))
    }
}
