import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

extension Endpoints {
    var vendors: [Endpoint] { vendorViews + vendorChanges }

    /// The commands that `vendor(_:_:for:orElse:)` may call.
    private static let findsVendor = [VendorAPIContract.getVendorById, VendorAPIContract.getVendorByUser]

    private var vendorViews: [Endpoint] {
        [
            .with(
                body: VendorRegistrationBody.self,
                given: GivenMembers(
                    [:],
                    inside: [
                        "user": Self.registration(as: .vendor), "vendor": GivenMembers(["userId": Self.anyID]),
                    ]),
                reply: VendorView.self, .post, "/api/vendors", "registerVendor", "Registers a vendor and its account.",
                .init(
                    calls: [AuthAPIContract.createUser, VendorAPIContract.createVendor, AuthAPIContract.deleteUser],
                    isKeyed: true, status: .created), location: { "/api/vendors/\($0.id)" }
            ) { call, body in
                let registration = VendorRegistration(auth: services.auth, vendors: services.vendors, logger: logger)
                return VendorView(
                    try await registration.register(body, key: try call.idempotencyKey(), attempt: newKey()))
            },
            .with(
                query: ListVendors.self, reply: VendorPage.self, .get, "/api/vendors", "listVendors",
                "Lists active vendors. An admin may list vendors in another state.",
                .init(access: .anyoneOrKnown, calls: [VendorAPIContract.listVendors], refusals: [.forbidden("")]),
                isPublic: true
            ) { call, query in
                var request = query
                let status = request.status ?? .active
                if status != .active, try call.caller.role != .admin {
                    throw Problem.forbidden("Only an admin may list vendors that are \(status.rawValue).")
                }
                request.status = status
                return try await services.vendors.listVendors(request)
            },
            .with(
                reply: VendorView.self, .get, "/api/vendors/{id}", "getVendor",
                "Returns a vendor. Only its owner and admins see a hidden one.",
                .init(access: .anyoneOrKnown, calls: [VendorAPIContract.getVendorById]), isPublic: true
            ) { call in
                let (vendor, isOwn) = try await visibleVendor(call, withSpecialDays: true)
                return VendorView(vendor, isOwn: isOwn)
            },
            .with(
                reply: [OfferedService].self, .get, "/api/vendors/{id}/services", "listServices",
                "Lists the services of a vendor.",
                .init(access: .anyoneOrKnown, calls: [VendorAPIContract.getVendorById]), isPublic: true
            ) { call in try await visibleVendor(call).vendor.services.filter(\.active) },
            .with(
                query: AvailabilityQuery.self, reply: Availability.self, .get, "/api/vendors/{id}/availability",
                "getAvailability", "Lists the free start times of a day.",
                .init(calls: [BookingAPIContract.checkAvailability])
            ) { call, wish in
                try await services.bookings.checkAvailability(
                    CheckAvailability(
                        vendorId: try call.id(orElse: .noVendor), serviceId: wish.serviceId, date: wish.date))
            },
        ]
    }

    private var vendorChanges: [Endpoint] {
        [
            .with(
                body: UpdateVendor.self, given: GivenMembers(["id": Self.anyID]), reply: VendorView.self, .patch,
                "/api/vendors/{id}", "updateVendor", "Changes a vendor's details. Absent fields keep their values.",
                .init(access: Self.vendorOwners, calls: Self.findsVendor + [VendorAPIContract.updateVendor])
            ) { call, body in
                var request = body
                request.id = try await vendor(call, try call.id(orElse: .noVendor), for: .edit).id
                return VendorView(try await services.vendors.updateVendor(request), isOwn: true)
            },
            .with(
                body: SetVendorHours.self, given: GivenMembers(["vendorId": Self.anyID]), reply: VendorView.self, .put,
                "/api/vendors/{id}/hours", "setHours", "Replaces the opening hours.",
                .init(access: Self.vendorOwners, calls: Self.findsVendor + [VendorAPIContract.setVendorHours])
            ) { call, body in
                var request = body
                request.vendorId = try await vendor(call, try call.id(orElse: .noVendor), for: .edit).id
                return VendorView(try await services.vendors.setVendorHours(request), isOwn: true)
            },
            .with(
                body: AddService.self, given: GivenMembers(["vendorId": Self.anyID]), reply: OfferedService.self, .post,
                "/api/vendors/{id}/services", "addService", "Adds a service.",
                .init(
                    access: Self.vendorOwners, calls: Self.findsVendor + [VendorAPIContract.addService],
                    status: .created)
            ) { call, body in
                var request = body
                request.vendorId = try await vendor(call, try call.id(orElse: .noVendor), for: .edit).id
                return try await services.vendors.addService(request)
            },
            .with(
                body: VendorStatusBody.self, reply: VendorView.self, .patch, "/api/vendors/{id}/status",
                "setVendorStatus", "Sets a vendor's status: active, rejected, suspended or inactive.",
                .init(access: Self.admins, calls: [VendorAPIContract.setVendorStatus])
            ) { call, body in
                let request = SetVendorStatus(id: try call.id(orElse: .noVendor), to: body.status)
                return VendorView(try await services.vendors.setVendorStatus(request), isOwn: true)
            },
        ]
    }

    /// Returns the vendor in the path, and whether the caller manages it. Throws a 404 when the caller may not see it.
    private func visibleVendor(
        _ call: GatewayCall, withSpecialDays: Bool = false
    ) async throws -> (vendor: Vendor, isOwn: Bool) {
        let vendor = try await services.vendors.getVendorById(
            GetVendorById(id: try call.id(orElse: .noVendor), withSpecialDays: withSpecialDays))
        let isOwn = call.user.map { $0.role == .admin || $0.id == vendor.userId } ?? false
        guard isOwn || vendor.status.allows(.show) else { throw Problem.noVendor }
        return (vendor, isOwn)
    }

    /// Returns a vendor that anyone may see. Throws a 404 for a hidden one.
    func shownVendor(_ id: Int) async throws -> Vendor {
        let vendor = try await services.vendors.getVendorById(GetVendorById(id: id))
        guard vendor.status.allows(.show) else { throw Problem.noVendor }
        return vendor
    }

    /// Returns a vendor that the caller manages: its own, or any vendor for an admin.
    ///
    /// Throws `missing` when the vendor does not exist or belongs to another account. Throws `VENDOR_NOT_ACTIVE` when
    /// the vendor's state does not allow the operation.
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
