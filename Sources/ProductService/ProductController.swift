public import PetProContracts
public import PetProRuntime
public import PetProStorage
public import Rookery

/// Handles the commands and events of the Product service.
public struct ProductController: ProductAPI {
    /// How long a reservation holds its pieces: 15 minutes.
    public static let reservationLifetime: Duration = .seconds(15 * 60)

    let database: Database
    let environment: ServiceEnvironment
    private let tail: InventoryTail
    private let epoch: String

    /// The migrations of the service's database.
    public static var migrations: [Migration] { ProductSchema.migrations }

    /// Makes the service. `clock` paces the polls of the inventory log. Throws when the database cannot be written.
    public init(
        database: Database, environment: ServiceEnvironment = ServiceEnvironment(),
        clock: any Clock<Duration> = ContinuousClock()
    ) async throws {
        self.database = database
        self.environment = environment
        let now = environment.now()
        let epoch = String(try await database.write { try $0.makeEpoch(at: now) })
        self.epoch = epoch
        tail = InventoryTail(clock: clock, changed: database.changeSignal) { seq, limit in
            try await database.read { try $0.changes(after: seq, limit: limit, epoch: epoch) }
        }
    }

    /// Returns a product. Throws `PRODUCT_NOT_FOUND`.
    public func getProduct(_ request: GetProduct) async throws -> Product {
        try await database.read { try $0.product(id: request.id) }
    }

    /// Returns a product's stock. Throws `PRODUCT_NOT_FOUND` when the product has no stock record.
    public func checkInventory(_ request: CheckInventory) async throws -> Inventory {
        let now = environment.now()
        return try await database.read { try $0.inventory(ofProduct: request.productId).inventory(at: now) }
    }

    /// Lists the products in the shop by id.
    public func listProducts(_ request: ListProducts) async throws -> ProductPage {
        let items = try await database.read { try $0.products(request) }
        return ProductPage(items: items, next: items.count == request.limit ? items.last?.id : nil)
    }

    /// Adds a product. Throws `SKU_TAKEN`, `LIMIT_REACHED`, and `INVALID_PAYLOAD` for a price in another currency.
    public func createProduct(_ request: CreateProduct) async throws -> Product {
        let violations = Price.violations(request.price, of: request.currency)
        guard violations.isEmpty else { throw RemoteError(InvalidPayload(violations: violations)) }
        let now = environment.now()
        return try await database.write { transaction in
            guard try transaction.productCount(ofVendor: request.vendorId) < Holdings.products else {
                throw Self.limitReached(Holdings.products, "products")
            }
            return try transaction.insertProduct(request, at: now)
        }
    }

    // MARK: Stock

    /// Changes the quantity of a product. A repetition with the same key returns the same reply.
    ///
    /// Throws `PRODUCT_NOT_FOUND`, `BELOW_RESERVED`, `KEY_REUSED`, and `INVALID_PAYLOAD` when the reason does not allow
    /// `delta`.
    public func adjustInventory(_ request: AdjustInventory) async throws -> Inventory {
        let violations = Stock.violations(request.delta, request.reason)
        guard violations.isEmpty else { throw RemoteError(InvalidPayload(violations: violations)) }
        let now = environment.now()
        let ids = eventIds()
        let key = IdempotencyKey(
            scope: "adjust-inventory:\(request.actorId)", key: request.key, body: request.json,
            subject: request.actorId)
        return try await database.write { transaction in
            if let kept: Inventory = try key.reply(in: transaction, at: now) { return kept }
            let record = try transaction.change(
                request.productId, request.reason, by: "vendor", at: now, eventIds: ids
            ) { try $0.adjust(by: request.delta) }
            let inventory = record.inventory(at: now)
            try key.keep(inventory, in: transaction, at: now)
            return inventory
        }
    }

    private static func limitReached(_ limit: Int, _ what: String) -> RemoteError {
        RemoteError(.limitReached, "An account has at most \(limit) \(what).", details: ["limit": .int(Int64(limit))])
    }

    private func eventIds() -> [String] { [environment.uniqueID(), environment.uniqueID()] }

    /// Reserves pieces for ``reservationLifetime``. A repetition with the same key returns the same reservation.
    ///
    /// Throws `PRODUCT_NOT_FOUND`, `INSUFFICIENT_STOCK`, `LIMIT_REACHED` and `KEY_REUSED`.
    public func reserveInventory(_ request: ReserveInventory) async throws -> Reservation {
        let now = environment.now()
        let ids = eventIds()
        let key = IdempotencyKey(
            scope: "reserve-inventory:\(request.customerId)", key: request.key, body: request.json,
            subject: request.customerId)
        return try await database.write { transaction in
            if let kept: Reservation = try key.reply(in: transaction, at: now) { return kept }
            let product = try transaction.product(id: request.productId)
            guard product.status == .active else {
                throw RemoteError(.productNotFound, "There is no such product.")
            }
            guard try transaction.heldReservations(ofCustomer: request.customerId) < Holdings.reservations else {
                throw Self.limitReached(Holdings.reservations, "reservations")
            }
            _ = try transaction.change(product.id, .hold, by: "customer", at: now, eventIds: ids) {
                try $0.hold(request.quantity)
            }
            let reservation = try transaction.insertReservation(request, expiresAt: now + Self.reservationLifetime)
            try key.keep(reservation, in: transaction, at: now)
            return reservation
        }
    }

    /// Takes the reserved pieces out of the stock. A repetition has no further effect. Throws `RESERVATION_NOT_FOUND`
    /// and `RESERVATION_EXPIRED`.
    public func commitReservation(_ request: CommitReservation) async throws -> Reservation {
        try await end(request.id, of: request.customerId, as: .committed, reason: .commit) { $0.commit($1) }
    }

    /// Releases the reserved pieces. A repetition has no further effect. Throws `RESERVATION_NOT_FOUND` and
    /// `RESERVATION_EXPIRED`.
    public func releaseReservation(_ request: ReleaseReservation) async throws -> Reservation {
        try await end(request.id, of: request.customerId, as: .released, reason: .release) { $0.release($1) }
    }

    private func end(
        _ id: Int, of customerId: Int?, as status: ReservationStatus, reason: InventoryReason,
        _ change: @escaping @Sendable (inout Stock, Int) -> Void
    ) async throws -> Reservation {
        let now = environment.now()
        let ids = eventIds()
        return try await database.write { transaction in
            let reservation = try transaction.reservation(id: id, customerId: customerId)
            // A repetition has no further effect.
            if reservation.status == status { return reservation }
            guard reservation.status == .held, now < reservation.expiresAt else {
                throw RemoteError(.reservationExpired, "This reservation is no longer held.")
            }
            _ = try transaction.change(reservation.productId, reason, by: "customer", at: now, eventIds: ids) {
                change(&$0, reservation.quantity)
            }
            try transaction.setStatus(status, ofReservation: id)
            return try transaction.reservation(id: id, customerId: nil)
        }
    }

    /// Releases expired reservations, at most 100. Returns how many.
    public func expireReservations() async throws -> Int {
        let now = environment.now()
        let environment = self.environment
        return try await database.write { transaction in
            let expired = try transaction.expiredReservations(at: now)
            for reservation in expired {
                let ids = [environment.uniqueID(), environment.uniqueID()]
                _ = try transaction.change(reservation.productId, .expiry, by: "system", at: now, eventIds: ids) {
                    $0.release(reservation.quantity)
                }
                try transaction.setStatus(.expired, ofReservation: reservation.id)
            }
            return expired.count
        }
    }

    /// Streams a snapshot of the stock, then every change.
    ///
    /// Throws `PRODUCT_NOT_FOUND`.
    public func watchInventoryChanges(
        _ request: WatchInventoryChanges
    ) async throws -> MessageStream<InventoryChunk> {
        return try await InventoryWatch(
            database: database, tail: tail, request: request, epoch: epoch, now: environment.now
        ).stream()
    }

    // MARK: Events

    /// Takes a deleted account out of its reservations. Held ones expire by themselves.
    public func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws {
        let now = environment.now()
        try await database.receive(event, at: now) { transaction in
            try transaction.erasePerson(event.data.userId)
            try transaction.noteErasure(of: event.data.userId, at: now)
        }
    }

    /// Takes a vendor's active products out of the shop when the vendor stops being active. Puts its inactive products
    /// back when it is active again.
    public func vendorStatusChanged(_ event: EventEnvelope<VendorStatusChanged>) async throws {
        let now = environment.now()
        try await database.receive(event, at: now) { transaction in
            let (from, to): (ProductStatus, ProductStatus) =
                event.data.to == .active ? (.inactive, .active) : (.active, .inactive)
            try transaction.keep(event.data)
            try transaction.execute(
                "UPDATE products SET status = ? WHERE vendor_id = ? AND status = ?", to.rawValue, event.data.vendorId,
                from.rawValue)
        }
    }
}
