import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    /// The commands that `ownBooking` may call.
    private static let findsBooking = [BookingAPIContract.getBooking, VendorAPIContract.getVendorByUser]

    var bookings: [Endpoint] {
        [
            .with(
                body: CreateBooking.self,
                given: GivenMembers(["customerId": Self.anyID, "idempotencyKey": String?.none]), reply: Booking.self,
                .post, "/api/bookings", "createBooking", "Creates a booking.",
                .init(
                    access: Self.customers, calls: [BookingAPIContract.createBooking], isKeyed: true, status: .created),
                location: { "/api/bookings/\($0.id)" }
            ) { call, body in
                var request = body
                request.customerId = try call.caller.id
                request.idempotencyKey = try call.idempotencyKey()
                return try await services.bookings.createBooking(request)
            },
            .with(
                query: ListBookings.self, hiding: ["customerId", "vendorId"], reply: BookingPage.self, .get,
                "/api/bookings", "listBookings",
                "Lists bookings: a customer's own, a vendor's, or all for an admin.",
                .init(
                    access: Self.signedIn,
                    calls: [VendorAPIContract.getVendorByUser, BookingAPIContract.listBookings])
            ) { call, query in
                var request = query
                let caller = try call.caller
                switch caller.role {
                case .vendor:
                    request.vendorId = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id)).id
                case .admin: break
                case .customer, .ops: request.customerId = caller.id
                }
                return try await services.bookings.listBookings(request)
            },
            .with(
                reply: Booking.self, .get, "/api/bookings/{id}", "getBooking", "Returns one of the caller's bookings.",
                .init(access: Self.signedIn, calls: Self.findsBooking)
            ) { call in try await ownBooking(call).booking },
            .with(
                body: CancelBookingBody.self, reply: Booking.self, .post, "/api/bookings/{id}/cancel", "cancelBooking",
                "Cancels a booking before its start.",
                .init(access: Self.customers, calls: Self.findsBooking + [BookingAPIContract.updateBookingStatus])
            ) { call, body in
                let booking = try await ownBooking(call).booking
                return try await services.bookings.updateBookingStatus(
                    UpdateBookingStatus(
                        id: booking.id, to: .cancelled, expectedVersion: body.expectedVersion,
                        actor: try call.caller.role == .admin ? .admin : .customer, reason: body.reason))
            },
            .with(
                body: BookingStatusBody.self, reply: Booking.self, .patch, "/api/bookings/{id}/status",
                "setBookingStatus", "Confirms, starts, completes or cancels a booking.",
                .init(
                    access: Self.vendorOwners,
                    calls: Self.findsBooking + [
                        VendorAPIContract.getVendorById, BookingAPIContract.updateBookingStatus,
                    ], refusals: [.vendorNotActive])
            ) { call, body in
                let (booking, owner) = try await ownBooking(call)
                let vendor: Vendor
                if let owner {
                    vendor = owner
                } else {
                    vendor = try await services.vendors.getVendorById(GetVendorById(id: booking.vendorId))
                }
                try vendor.status.require(Self.operation(body.status))
                return try await services.bookings.updateBookingStatus(
                    UpdateBookingStatus(
                        id: booking.id, to: body.status, expectedVersion: body.expectedVersion,
                        actor: try call.caller.role == .admin ? .admin : .vendor, reason: body.reason))
            },
        ]
    }

    private static func operation(_ status: BookingStatus) -> VendorOperation {
        switch status {
        case .pending, .confirmed, .inProgress: .confirmBookings
        case .completed, .cancelled, .noShow: .concludeBookings
        }
    }

    /// Returns the booking in the path, and the caller's vendor if the caller is a vendor.
    ///
    /// Throws a 404 for a booking of another account, as for an unknown id, so that ids reveal nothing. An admin may
    /// see every booking.
    private func ownBooking(_ call: GatewayCall) async throws -> (booking: Booking, vendor: Vendor?) {
        let caller = try call.caller
        let booking = try await services.bookings.getBooking(GetBooking(id: try call.id(orElse: .noBooking)))
        switch caller.role {
        case .admin: return (booking, nil)
        case .customer: if booking.customerId == caller.id { return (booking, nil) }
        case .vendor:
            do {
                let own = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id))
                if own.id == booking.vendorId { return (booking, own) }
            } catch let error as RemoteError where error.code == .vendorNotFound {
                throw Problem.noBooking
            }
        case .ops: break
        }
        throw Problem.noBooking
    }

    var pets: [Endpoint] {
        [
            .with(
                query: PageQuery.self, reply: PetPage.self, .get, "/api/pets", "listPets", "Lists the caller's pets.",
                .init(access: Self.customers, calls: [BookingAPIContract.listPets])
            ) { call, page in
                try await services.bookings.listPets(
                    ListPets(ownerId: try call.caller.id, limit: page.limit, after: page.after))
            },
            .with(
                body: CreatePet.self, given: GivenMembers(["ownerId": Self.anyID]), reply: Pet.self, .post, "/api/pets",
                "createPet", "Adds a pet.",
                .init(access: Self.customers, calls: [BookingAPIContract.createPet], status: .created)
            ) { call, body in
                var request = body
                request.ownerId = try call.caller.id
                return try await services.bookings.createPet(request)
            },
        ]
    }
}
