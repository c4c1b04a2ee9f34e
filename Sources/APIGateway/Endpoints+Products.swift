import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    var products: [Endpoint] {
        [
            Endpoint(
                .get, "/api/products", "Products in the shop.",
                query: Self.page + [("vendorId", .integer()), ("species", .oneOf(Species.self))],
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
                .json(try await availability(call), headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .get, "/api/products/{id}/inventory/stream", "A product's stock, live, as Server-Sent Events.",
                statuses: [200, 404, 503, 504]
            ) { call in
                try await EventStream.response(await hub.subscribe(to: .product(try call.id())))
            },
            Endpoint(
                .get, "/api/inventory/stream", "The stock of a vendor's products, live, as Server-Sent Events.",
                query: [("vendorId", .integer())], statuses: [200, 400, 503, 504]
            ) { call in
                let query: StreamQuery = try call.query(["vendorId"], numbers: ["vendorId"])
                return try await EventStream.response(await hub.subscribe(to: .vendor(query.vendorId)))
            },
            Endpoint(
                .post, "/api/products", "Enters a product.", Self.vendorOwners, body: ProductBody.self,
                statuses: [201, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let own = try await services.vendors.getVendorByUser(GetVendorByUser(userId: try call.caller.id))
                let product = try await services.products.createProduct(
                    CreateProduct(
                        vendorId: own.id, sku: body.sku, name: body.name, price: body.price, species: body.species,
                        quantity: body.quantity, lowStockThreshold: body.lowStockThreshold))
                return .json(product, status: .created, headers: [.location: "/api/products/\(product.id)"])
            },
            Endpoint(
                .post, "/api/products/{id}/inventory", "Changes what is on the shelf.", Self.vendorOwners,
                body: InventoryBody.self, statuses: [200, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let product = try await services.products.getProduct(GetProduct(id: try call.id()))
                _ = try await ownVendor(call, product.vendorId)
                return .json(
                    try await services.products.adjustInventory(
                        AdjustInventory(
                            productId: product.id, delta: body.delta, reason: body.reason,
                            key: try call.idempotencyKey() ?? newKey())))
            },
            Endpoint(
                .post, "/api/products/{id}/reservations", "Holds pieces for 15 minutes.", Self.customers,
                body: ReservationBody.self, statuses: [201, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let reservation = try await services.products.reserveInventory(
                    ReserveInventory(
                        productId: try call.id(), quantity: body.quantity, customerId: try call.caller.id,
                        key: try call.idempotencyKey() ?? newKey()))
                return .json(reservation, status: .created)
            },
            Endpoint(
                .delete, "/api/reservations/{id}", "Gives held pieces back.", Self.customers,
                statuses: [204, 401, 403, 404, 409, 503, 504]
            ) { call in
                let caller = try call.caller
                _ = try await services.products.releaseReservation(
                    ReleaseReservation(id: try call.id(), customerId: caller.role == .admin ? nil : caller.id))
                return Response(status: .noContent)
            },
        ]
    }

    private func activeProduct(_ call: GatewayCall) async throws -> Product {
        let product = try await services.products.getProduct(GetProduct(id: try call.id()))
        guard product.status == .active else {
            throw Problem(.notFound, RemoteError.Code.productNotFound.rawValue, "There is no such product.")
        }
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
            : vendor?.status != .active
                ? "vendor_not_active"
                : inventory == nil ? "untracked" : inventory?.available == 0 ? "out_of_stock" : nil
        return ProductAvailability(
            product: product, available: reason == nil, reason: reason,
            quantityAvailable: inventory?.available ?? 0, status: inventory?.status ?? .outOfStock,
            vendor: vendor.map { VendorSummary(id: $0.id, businessName: $0.businessName, status: $0.status) },
            asOf: inventory?.asOf, version: inventory?.version)
    }
}

@Message
struct StreamQuery {
    var vendorId: Int
}

@Message
struct ProductAvailability {
    var product: Product
    var available: Bool
    /// Why not: `out_of_stock`, `untracked`, `vendor_not_active` or `vendor_not_found`.
    var reason: String?
    var quantityAvailable: Int
    var status: StockStatus
    var vendor: VendorSummary?
    var asOf: Instant?
    var version: Int?
}

@Message
struct VendorSummary {
    var id: Int
    var businessName: String
    var status: VendorStatus
}
