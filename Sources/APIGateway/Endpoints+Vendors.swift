import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    var vendors: [Endpoint] {
        [
            Endpoint(
                .post, "/api/vendors", "Registers a vendor and its account.", body: RegisterVendorBody.self,
                statuses: [201, 400, 409, 422, 503, 504]
            ) { call, body in
                let registration = VendorRegistration(auth: services.auth, vendors: services.vendors, logger: logger)
                let vendor = try await registration.register(
                    body, key: try call.idempotencyKey(), attempt: newKey())
                return .json(
                    VendorView(vendor), status: .created, headers: [.location: "/api/vendors/\(vendor.id)"])
            },
            Endpoint(
                .get, "/api/vendors", "Vendors that can be booked; for an admin also those in another state.",
                .everybodyOrKnown,
                query: Self.page + [("type", .oneOf(VendorType.self)), ("status", .oneOf(VendorStatus.self))],
                statuses: [200, 400, 401, 403, 503, 504]
            ) { call in
                var request: ListVendors = try call.query(
                    ["limit", "after", "type", "status"], numbers: ["limit", "after"])
                let status = request.status ?? .active
                if status != .active, try call.caller.role != .admin {
                    throw Problem.forbidden("Only an admin may list vendors that are \(status.rawValue).")
                }
                request.status = status
                return .json(try await services.vendors.listVendors(request))
            },
            Endpoint(
                .get, "/api/vendors/{id}", "A vendor; one that is hidden only for its owner and admins.",
                .everybodyOrKnown, statuses: [200, 401, 404, 503, 504]
            ) { call in
                let (vendor, isOwn) = try await visibleVendor(call)
                return .json(VendorView(vendor, withAllServices: isOwn))
            },
            Endpoint(
                .get, "/api/vendors/{id}/services", "What a vendor offers.", .everybodyOrKnown,
                statuses: [200, 401, 404, 503, 504]
            ) { call in
                .json(try await visibleVendor(call).vendor.services.filter(\.active))
            },
            Endpoint(
                .get, "/api/vendors/{id}/availability", "The free starts of a day.",
                query: [("serviceId", .id), ("date", .date)], statuses: [200, 400, 404, 503, 504]
            ) { call in
                let wish: AvailabilityQuery = try call.query(["serviceId", "date"], numbers: ["serviceId"])
                return .privateJSON(
                    try await services.bookings.checkAvailability(
                        CheckAvailability(
                            vendorId: try call.id(orElse: .noVendor), serviceId: wish.serviceId, date: wish.date)))
            },
            Endpoint(
                .patch, "/api/vendors/{id}", "Changes a vendor's particulars.", Self.vendorOwners,
                body: VendorChangesBody.self, statuses: [200, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let vendor = try await vendor(call, try call.id(orElse: .noVendor), for: .edit)
                let changed = try await services.vendors.updateVendor(
                    UpdateVendor(
                        id: vendor.id, expectedVersion: body.expectedVersion, businessName: body.businessName,
                        email: body.email, phone: body.phone, address: body.address, capacity: body.capacity,
                        leadTimeMinutes: body.leadTimeMinutes, horizonDays: body.horizonDays))
                return .json(VendorView(changed, withAllServices: true))
            },
            Endpoint(
                .put, "/api/vendors/{id}/hours", "Replaces the opening hours.", Self.vendorOwners, body: HoursBody.self,
                statuses: [200, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let vendor = try await vendor(call, try call.id(orElse: .noVendor), for: .edit)
                let changed = try await services.vendors.setVendorHours(
                    SetVendorHours(vendorId: vendor.id, hours: body.hours, specialDays: body.specialDays))
                return .json(VendorView(changed, withAllServices: true))
            },
            Endpoint(
                .post, "/api/vendors/{id}/services", "Adds something to book.", Self.vendorOwners,
                body: ServiceBody.self, statuses: [201, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let vendor = try await vendor(call, try call.id(orElse: .noVendor), for: .edit)
                let service = try await services.vendors.addService(
                    AddService(
                        vendorId: vendor.id, name: body.name, durationMinutes: body.durationMinutes, price: body.price,
                        species: body.species, bufferMinutes: body.bufferMinutes))
                return .json(service, status: .created)
            },
            Endpoint(
                .patch, "/api/vendors/{id}/status", "Approves, suspends or ends a vendor.", Self.admins,
                body: VendorStatusBody.self, statuses: [200, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                let id = try call.id(orElse: .noVendor)
                return .json(
                    VendorView(
                        try await services.vendors.setVendorStatus(SetVendorStatus(id: id, to: body.status)),
                        withAllServices: true))
            },
        ]
    }

    /// The vendor in the path, if the caller may see it, and whether it is the caller's to manage.
    private func visibleVendor(_ call: GatewayCall) async throws -> (vendor: Vendor, isOwn: Bool) {
        let vendor = try await services.vendors.getVendorById(GetVendorById(id: try call.id(orElse: .noVendor)))
        let isOwn = call.user.map { $0.role == .admin || $0.id == vendor.userId } ?? false
        guard isOwn || vendor.status.allows(.show) else { throw Problem.noVendor }
        return (vendor, isOwn)
    }

    /// A vendor that everybody may see.
    func shownVendor(_ id: Int) async throws -> Vendor {
        let vendor = try await services.vendors.getVendorById(GetVendorById(id: id))
        guard vendor.status.allows(.show) else { throw Problem.noVendor }
        return vendor
    }

    /// A vendor for an operation of its own: the caller's, or for an admin any. Another's is as if there were none, and
    /// one whose state does not allow the operation is a conflict.
    func vendor(
        _ call: GatewayCall, _ id: Int, for operation: VendorOperation, orElse missing: Problem = .noVendor
    ) async throws -> Vendor {
        let caller = try call.caller
        let vendor: Vendor
        do {
            vendor =
                caller.role == .admin
                ? try await services.vendors.getVendorById(GetVendorById(id: id))
                : try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id))
        } catch let error as RemoteError where error.code == .vendorNotFound {
            throw missing
        }
        guard vendor.id == id else { throw missing }
        try vendor.status.require(operation)
        return vendor
    }
}
