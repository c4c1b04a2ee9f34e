import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    var products: [Endpoint] {
        [
            Endpoint(
                .get, "/api/products", "Products in the shop.",
                query: Self.page + [("vendorId", .id), ("species", .oneOf(Species.self))],
                statuses: [200, 400, 503, 504]
            ) { call in
                let request: ListProducts = try call.query(
                    ["limit", "after", "vendorId", "species"], numbers: ["limit", "after", "vendorId"])
                return .json(try await services.products.listProducts(request))
            },
            Endpoint(.get, "/api/products/{id}", "A product.", statuses: [200, 404, 503, 504]) { call in
                .json(try await activeProduct(call))
            },
            Endpoint(
                .get, "/api/products/{id}/availability", "Whether a product can be had, and how many.",
                statuses: [200, 404, 503, 504]
            ) { call in
                .privateJSON(try await availability(call))
            },
            Endpoint(
                .get, "/api/products/{id}/inventory/stream", "A product's stock, live, as Server-Sent Events.",
                statuses: [200, 404, 429, 503, 504]
            ) { call in
                try await EventStream.response(call, hub, .product(try await activeProduct(call).id))
            },
            Endpoint(
                .get, "/api/inventory/stream", "The stock of a vendor's products, live, as Server-Sent Events.",
                query: [("vendorId", .id)], statuses: [200, 400, 404, 429, 503, 504]
            ) { call in
                let query: StreamQuery = try call.query(["vendorId"], numbers: ["vendorId"])
                return try await EventStream.response(call, hub, .vendor(try await shownVendor(query.vendorId).id))
            },
            Endpoint(
                .post, "/api/products", "Enters a product.", Self.vendorOwners, body: ProductBody.self,
                statuses: [201, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let vendor = try await seller(call, body.vendorId)
                let product = try await services.products.createProduct(
                    CreateProduct(
                        vendorId: vendor.id, sku: body.sku, name: body.name, price: body.price,
                        currency: vendor.currency, species: body.species, quantity: body.quantity,
                        lowStockThreshold: body.lowStockThreshold))
                return .json(product, status: .created, headers: [.location: "/api/products/\(product.id)"])
            },
            Endpoint(
                .post, "/api/products/{id}/inventory", "Changes what is on the shelf.", Self.vendorOwners,
                body: InventoryBody.self, statuses: [200, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let product = try await services.products.getProduct(GetProduct(id: try call.id(orElse: .noProduct)))
                _ = try await vendor(call, product.vendorId, for: .keepStock, orElse: .noProduct)
                return .privateJSON(
                    try await services.products.adjustInventory(
                        AdjustInventory(
                            productId: product.id, delta: body.delta, reason: body.reason,
                            actorId: try call.caller.id, key: try call.idempotencyKey() ?? newKey())))
            },
            Endpoint(
                .post, "/api/products/{id}/reservations", "Holds pieces for 15 minutes.", Self.customers,
                body: ReservationBody.self, statuses: [201, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let product = try await activeProduct(call)
                try await services.vendors.getVendorById(GetVendorById(id: product.vendorId)).status.require(.sell)
                let reservation = try await services.products.reserveInventory(
                    ReserveInventory(
                        productId: product.id, quantity: body.quantity, customerId: try call.caller.id,
                        key: try call.idempotencyKey() ?? newKey()))
                return .privateJSON(reservation, status: .created)
            },
            Endpoint(
                .delete, "/api/reservations/{id}", "Gives held pieces back.", Self.customers,
                statuses: [204, 401, 403, 404, 409, 503, 504]
            ) { call in
                let caller = try call.caller
                let id = try call.id(orElse: .noReservation)
                _ = try await services.products.releaseReservation(
                    ReleaseReservation(id: id, customerId: caller.role == .admin ? nil : caller.id))
                return Response(status: .noContent)
            },
        ]
    }

    /// The vendor that a product is to be of: the caller's own, or for an admin the one that is named.
    private func seller(_ call: GatewayCall, _ named: Int?) async throws -> Vendor {
        let caller = try call.caller
        if caller.role == .admin {
            guard let named else {
                throw Problem.invalid([
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

    /// The three calls of the diagram, in its order. An answer at `version`, not a promise: only a reservation is one.
    private func availability(_ call: GatewayCall) async throws -> ProductAvailability {
        let product = try await activeProduct(call)
        var inventory: Inventory?
        do {
            inventory = try await services.products.checkInventory(CheckInventory(productId: product.id))
        } catch let error as RemoteError where error.code == .productNotFound {
            // Nothing is tracked: known, and zero.
        }
        var vendor: Vendor?
        do {
            vendor = try await services.vendors.getVendorById(GetVendorById(id: product.vendorId))
        } catch let error as RemoteError where error.code == .vendorNotFound {
            // A product without its vendor cannot be had. Not reaching Vendor is another matter, and an error.
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
