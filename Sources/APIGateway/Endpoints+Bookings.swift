import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    var bookings: [Endpoint] {
        [
            Endpoint(
                .post, "/api/bookings", "Books.", Self.customers, body: CreateBookingBody.self,
                statuses: [201, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let booking = try await services.bookings.createBooking(
                    CreateBooking(
                        customerId: try call.caller.id, vendorId: body.vendorId, serviceId: body.serviceId,
                        petId: body.petId, start: body.start, notes: body.notes, expectedPrice: body.expectedPrice,
                        idempotencyKey: try call.idempotencyKey()))
                return .json(booking, status: .created, headers: [.location: "/api/bookings/\(booking.id)"])
            },
            Endpoint(
                .get, "/api/bookings", "The caller's bookings: a customer's own, a vendor's agenda, an admin's all.",
                Self.signedIn,
                query: [
                    ("limit", .integer(1...100)), ("before", .id), ("status", .oneOf(BookingStatus.self)),
                ], statuses: [200, 400, 401, 403, 404, 503, 504]
            ) { call in
                var request: ListBookings = try call.query(
                    ["limit", "before", "status"], numbers: ["limit", "before"])
                let caller = try call.caller
                switch caller.role {
                case .vendor:
                    request.vendorId = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id)).id
                case .admin: break
                case .customer, .ops: request.customerId = caller.id
                }
                return .privateJSON(try await services.bookings.listBookings(request))
            },
            Endpoint(
                .get, "/api/bookings/{id}", "A booking of the caller's.", Self.signedIn,
                statuses: [200, 401, 403, 404, 503, 504]
            ) { call in
                .privateJSON(try await ownBooking(call).booking)
            },
            Endpoint(
                .post, "/api/bookings/{id}/cancel", "Cancels a booking, until its start.", Self.customers,
                body: CancelBookingBody.self, statuses: [200, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let booking = try await ownBooking(call).booking
                return .privateJSON(
                    try await services.bookings.updateBookingStatus(
                        UpdateBookingStatus(
                            id: booking.id, to: .cancelled, expectedVersion: body.expectedVersion,
                            actor: try call.caller.role == .admin ? .admin : .customer, reason: body.reason)))
            },
            Endpoint(
                .patch, "/api/bookings/{id}/status", "Confirms, starts, completes or cancels a booking.",
                Self.vendorOwners, body: BookingStatusBody.self,
                statuses: [200, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let (booking, owner) = try await ownBooking(call)
                let vendor: Vendor
                if let owner {
                    vendor = owner
                } else {
                    vendor = try await services.vendors.getVendorById(GetVendorById(id: booking.vendorId))
                }
                try vendor.status.require(Self.operation(body.status))
                return .privateJSON(
                    try await services.bookings.updateBookingStatus(
                        UpdateBookingStatus(
                            id: booking.id, to: body.status, expectedVersion: body.expectedVersion,
                            actor: try call.caller.role == .admin ? .admin : .vendor, reason: body.reason)))
            },
        ]
    }

    private static func operation(_ status: BookingStatus) -> VendorOperation {
        switch status {
        case .pending, .confirmed, .inProgress: .confirmBookings
        case .completed, .cancelled, .noShow: .concludeBookings
        }
    }

    /// A booking the caller has to do with, and the vendor if the caller is one. Another's is 404, so that ids tell nothing.
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
            Endpoint(
                .get, "/api/pets", "The caller's pets.", Self.customers, query: Self.page,
                statuses: [200, 400, 401, 403, 503, 504]
            ) { call in
                let page: PageQuery = try call.query(["limit", "after"], numbers: ["limit", "after"])
                return .privateJSON(
                    try await services.bookings.listPets(
                        ListPets(ownerId: try call.caller.id, limit: page.limit, after: page.after)))
            },
            Endpoint(
                .post, "/api/pets", "Enters a pet.", Self.customers, body: PetBody.self,
                statuses: [201, 400, 401, 403, 409, 503, 504]
            ) { call, body in
                let pet = try await services.bookings.createPet(
                    CreatePet(
                        ownerId: try call.caller.id, name: body.name, species: body.species, breed: body.breed,
                        birthDate: body.birthDate, notes: body.notes))
                return .privateJSON(pet, status: .created)
            },
        ]
    }
}
