import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    var products: [Endpoint] { shop + stock }

    private var shop: [Endpoint] {
        [
            .with(
                query: ListProducts.self, reply: ProductPage.self, .get, "/api/products", "listProducts",
                "Lists the products in the shop.", .init(calls: [ProductAPIContract.listProducts]), isPublic: true
            ) { _, query in try await services.products.listProducts(query) },
            .with(
                reply: Product.self, .get, "/api/products/{id}", "getProduct", "Returns a product.",
                .init(calls: [ProductAPIContract.getProduct]), isPublic: true
            ) { call in try await activeProduct(call) },
            .with(
                reply: ProductAvailability.self, .get, "/api/products/{id}/availability", "getProductAvailability",
                "Returns whether a product is available, and how many pieces.",
                .init(calls: [
                    ProductAPIContract.getProduct, ProductAPIContract.checkInventory, VendorAPIContract.getVendorById,
                ])
            ) { call in try await availability(call) },
            .stream(
                "/api/products/{id}/inventory/stream", "watchProduct",
                "Streams a product's stock as Server-Sent Events.",
                .init(
                    calls: [ProductAPIContract.getProduct, ProductAPIContract.watchInventoryChanges],
                    refusals: [.tooManyStreams("streams")], query: Schema(of: ProductStreamQuery.self))
            ) { call in
                let query = try call.query(ProductStreamQuery.self)
                return try await EventStream.response(
                    call, hub, .product(try await activeProduct(call).id), after: query.after)
            },
            .stream(
                "/api/inventory/stream", "watchVendor",
                "Streams the stock of a vendor's products as Server-Sent Events.",
                .init(
                    calls: [VendorAPIContract.getVendorById, ProductAPIContract.watchInventoryChanges],
                    refusals: [.tooManyStreams("streams")], query: Schema(of: VendorStreamQuery.self))
            ) { call in
                let query = try call.query(VendorStreamQuery.self)
                return try await EventStream.response(
                    call, hub, .vendor(try await shownVendor(query.vendorId).id), after: query.after)
            },
        ]
    }

    private var stock: [Endpoint] {
        [
            .with(
                body: CreateProduct.self, given: GivenMembers(["vendorId": Self.anyID, "currency": Currency.eur]),
                reply: Product.self, .post, "/api/products", "createProduct", "Adds a product.",
                .init(
                    access: Self.vendorOwners,
                    calls: [
                        VendorAPIContract.getVendorById, VendorAPIContract.getVendorByUser,
                        ProductAPIContract.createProduct,
                    ], refusals: [.vendorNotActive], query: Schema(of: SellerQuery.self), status: .created),
                location: { "/api/products/\($0.id)" }
            ) { call, body in
                let vendor = try await seller(call, try call.query(SellerQuery.self).vendorId)
                var request = body
                request.vendorId = vendor.id
                request.currency = vendor.currency
                return try await services.products.createProduct(request)
            },
            .with(
                body: AdjustInventory.self,
                given: GivenMembers(["productId": Self.anyID, "actorId": Self.anyID, "key": "key"]),
                reply: Inventory.self, .post, "/api/products/{id}/inventory", "adjustInventory",
                "Changes a product's stock.",
                .init(
                    access: Self.vendorOwners,
                    calls: [
                        ProductAPIContract.getProduct, VendorAPIContract.getVendorById,
                        VendorAPIContract.getVendorByUser, ProductAPIContract.adjustInventory,
                    ], isKeyed: true, refusals: [.vendorNotActive])
            ) { call, body in
                let product = try await services.products.getProduct(GetProduct(id: try call.id(orElse: .noProduct)))
                _ = try await vendor(call, product.vendorId, for: .keepStock, orElse: .noProduct)
                var request = body
                request.productId = product.id
                request.actorId = try call.caller.id
                request.key = try call.idempotencyKey() ?? newKey()
                return try await services.products.adjustInventory(request)
            },
            .with(
                body: ReserveInventory.self,
                given: GivenMembers(["productId": Self.anyID, "customerId": Self.anyID, "key": "key"]),
                reply: Reservation.self, .post, "/api/products/{id}/reservations", "reserveProduct",
                "Reserves pieces for 15 minutes.",
                .init(
                    access: Self.customers,
                    calls: [
                        ProductAPIContract.getProduct, VendorAPIContract.getVendorById,
                        ProductAPIContract.reserveInventory,
                    ], isKeyed: true, refusals: [.vendorNotActive], status: .created)
            ) { call, body in
                let product = try await activeProduct(call)
                try await services.vendors.getVendorById(GetVendorById(id: product.vendorId)).status.require(.sell)
                var request = body
                request.productId = product.id
                request.customerId = try call.caller.id
                request.key = try call.idempotencyKey() ?? newKey()
                return try await services.products.reserveInventory(request)
            },
            .with(
                reply: Empty.self, .delete, "/api/reservations/{id}", "releaseReservation", "Releases reserved pieces.",
                .init(access: Self.customers, calls: [ProductAPIContract.releaseReservation])
            ) { call in
                let caller = try call.caller
                let id = try call.id(orElse: .noReservation)
                _ = try await services.products.releaseReservation(
                    ReleaseReservation(id: id, customerId: caller.role == .admin ? nil : caller.id))
                return Empty()
            },
        ]
    }

    /// Returns the vendor of a new product: the caller's own vendor, or for an admin the vendor `named` in the query.
    private func seller(_ call: GatewayCall, _ named: Int?) async throws -> Vendor {
        let caller = try call.caller
        if caller.role == .admin {
            guard let named else {
                throw Problem.ruleBroken([
                    Violation(path: "vendorId", constraint: "required", message: "is required for an admin")
                ])
            }
            return try await vendor(call, named, for: .sell)
        }
        let own = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id))
        guard named == nil || named == own.id else { throw Problem.noVendor }
        try own.status.require(.sell)
        return own
    }

    private func activeProduct(_ call: GatewayCall) async throws -> Product {
        let product = try await services.products.getProduct(GetProduct(id: try call.id(orElse: .noProduct)))
        guard product.status == .active else { throw Problem.noProduct }
        return product
    }

    /// Makes the three calls of the diagram, in its order.
    ///
    /// The result describes the stock at `version` and promises nothing. Only a reservation holds pieces.
    private func availability(_ call: GatewayCall) async throws -> ProductAvailability {
        let product = try await activeProduct(call)
        var inventory: Inventory?
        do {
            inventory = try await services.products.checkInventory(CheckInventory(productId: product.id))
        } catch let error as RemoteError where error.code == .productNotFound {
            // The product has no stock record, so its quantity is known to be 0.
        }
        var vendor: Vendor?
        do {
            vendor = try await services.vendors.getVendorById(GetVendorById(id: product.vendorId))
        } catch let error as RemoteError where error.code == .vendorNotFound {
            // A product without a vendor is not available. Any other failure of this call is an error.
        }
        let reason: String? =
            vendor == nil
            ? "vendor_not_found"
            : vendor?.status.allows(.sell) != true
                ? "vendor_not_active"
                : inventory == nil ? "untracked" : inventory?.available == 0 ? "out_of_stock" : nil
        return ProductAvailability(
            product: product, available: reason == nil, reason: reason,
            quantityAvailable: inventory?.available ?? 0, status: inventory?.status ?? .outOfStock,
            vendor: vendor.map { VendorSummary(id: $0.id, businessName: $0.businessName, status: $0.status) },
            asOf: inventory?.asOf, version: inventory?.version)
    }
}
