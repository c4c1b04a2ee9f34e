import Crypto
import HTTPTypes
import Hummingbird
import Logging
import PetProContracts
import Rookery

/// The operations of the HTTP API.
struct Endpoints: Sendable {
    let services: Gateway.Services
    let hub: InventoryHub
    let logger: Logger
    /// Makes a key for a request that brought none.
    let newKey: @Sendable () -> String

    private static let signedIn: Endpoint.Access = .roles([.customer, .vendor, .admin])
    static let customers: Endpoint.Access = .roles([.customer, .admin])
    static let vendorOwners: Endpoint.Access = .roles([.vendor, .admin])
    private static let admins: Endpoint.Access = .roles([.admin])

    var all: [Endpoint] {
        var endpoints = accounts + vendors + bookings + products + operations
        let document = OpenAPI.document(endpoints + [Self.openAPI(.null)])
        endpoints.append(Self.openAPI(document))
        return endpoints
    }

    private static func openAPI(_ document: JSONValue) -> Endpoint {
        Endpoint(.get, "/openapi.json", "This description.", statuses: [200]) { _ in .json(document) }
    }

    static let page: [(name: String, schema: Schema)] = [("limit", .integer(1...100)), ("after", .integer())]

    // MARK: Accounts

    private var accounts: [Endpoint] {
        [
            Endpoint(
                .post, "/api/auth/register", "Registers a customer.", body: RegisterBody.self,
                statuses: [201, 400, 409, 503, 504]
            ) { _, body in
                let user = try await services.auth.createUser(
                    CreateUser(email: body.email, password: body.password, name: body.name, role: .customer))
                return .json(user, status: .created)
            },
            Endpoint(
                .post, "/api/auth/login", "Trades email and password for tokens.", body: LoginBody.self,
                statuses: [200, 400, 401, 403, 503, 504]
            ) { _, body in
                .json(
                    try await services.auth.login(Login(email: body.email, password: body.password)),
                    headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .post, "/api/auth/refresh", "Trades a refresh token for new tokens.", body: RefreshBody.self,
                statuses: [200, 400, 401, 503, 504]
            ) { _, body in
                .json(
                    try await services.auth.refreshToken(RefreshToken(refreshToken: body.refreshToken)),
                    headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .post, "/api/auth/logout", "Ends the session of a refresh token.", Self.signedIn,
                body: RefreshBody.self,
                statuses: [204, 400, 401, 403, 503, 504]
            ) { _, body in
                try await services.auth.logout(Logout(refreshToken: body.refreshToken))
                return Response(status: .noContent)
            },
            Endpoint(
                .get, "/api/me", "Who the token speaks for.", Self.signedIn, statuses: [200, 401, 403, 503, 504]
            ) { call in
                .json(
                    try await services.auth.getUser(GetUser(id: try call.caller.id)),
                    headers: [.cacheControl: "no-store"])
            },
        ]
    }

    // MARK: Vendors

    private var vendors: [Endpoint] {
        [
            Endpoint(
                .post, "/api/vendors", "Registers a vendor and its account.", body: RegisterVendorBody.self,
                statuses: [201, 400, 409, 422, 503, 504]
            ) { call, body in
                let saga = RegistrationSaga(auth: services.auth, vendors: services.vendors, logger: logger)
                let vendor = try await saga.register(
                    body, key: try call.idempotencyKey() ?? newKey(), hash: Self.digest(body))
                return .json(vendor, status: .created, headers: [.location: "/api/vendors/\(vendor.id)"])
            },
            Endpoint(
                .get, "/api/vendors", "Vendors that can be booked.",
                query: Self.page + [("type", .oneOf(VendorType.self))], statuses: [200, 400, 503, 504]
            ) { call in
                var request: ListVendors = try call.query(["limit", "after", "type"], numbers: ["limit", "after"])
                request.status = .active
                return .json(try await services.vendors.listVendors(request))
            },
            Endpoint(.get, "/api/vendors/{id}", "A vendor.", statuses: [200, 404, 503, 504]) { call in
                .json(try await publicVendor(call))
            },
            Endpoint(
                .get, "/api/vendors/{id}/services", "What a vendor offers.", statuses: [200, 404, 503, 504]
            ) { call in
                .json(try await publicVendor(call).services.filter(\.active))
            },
            Endpoint(
                .get, "/api/vendors/{id}/availability", "The free starts of a day.",
                query: [("serviceId", .integer()), ("date", .date)], statuses: [200, 400, 404, 503, 504]
            ) { call in
                let wish: AvailabilityQuery = try call.query(["serviceId", "date"], numbers: ["serviceId"])
                let availability = try await services.bookings.checkAvailability(
                    CheckAvailability(vendorId: try call.id(), serviceId: wish.serviceId, date: wish.date))
                return .json(availability, headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .put, "/api/vendors/{id}/hours", "Replaces the opening hours.", Self.vendorOwners, body: HoursBody.self,
                statuses: [200, 400, 401, 403, 404, 503, 504]
            ) { call, body in
                let id = try await ownVendor(call, try call.id())
                return .json(
                    try await services.vendors.setVendorHours(
                        SetVendorHours(vendorId: id, hours: body.hours, specialDays: body.specialDays)))
            },
            Endpoint(
                .post, "/api/vendors/{id}/services", "Adds something to book.", Self.vendorOwners,
                body: ServiceBody.self,
                statuses: [201, 400, 401, 403, 404, 503, 504]
            ) { call, body in
                let id = try await ownVendor(call, try call.id())
                let service = try await services.vendors.addService(
                    AddService(
                        vendorId: id, name: body.name, durationMinutes: body.durationMinutes, price: body.price,
                        species: body.species, bufferMinutes: body.bufferMinutes))
                return .json(service, status: .created)
            },
            Endpoint(
                .patch, "/api/vendors/{id}/status", "Approves, suspends or ends a vendor.", Self.admins,
                body: VendorStatusBody.self, statuses: [200, 400, 401, 403, 404, 409, 503, 504]
            ) { call, body in
                .json(
                    try await services.vendors.setVendorStatus(SetVendorStatus(id: try call.id(), to: body.status)))
            },
        ]
    }

    private static func digest(_ body: some Message) -> String {
        SHA256.hash(data: Array(body.json.utf8)).map { String($0, radix: 16) }.joined(separator: ".")
    }

    /// Vendors that were never approved are not shown.
    private func publicVendor(_ call: GatewayCall) async throws -> Vendor {
        let vendor = try await services.vendors.getVendorById(GetVendorById(id: try call.id()))
        if vendor.status == .pendingApproval || vendor.status == .rejected { throw Problem.notFound }
        return vendor
    }

    /// The caller's own vendor; an admin may act for any. Another's is 404.
    func ownVendor(_ call: GatewayCall, _ id: Int) async throws -> Int {
        let caller = try call.caller
        if caller.role == .admin { return id }
        let own = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id))
        guard own.id == id else { throw Problem.notFound }
        return id
    }

    // MARK: Bookings

    private var bookings: [Endpoint] {
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
                    ("limit", .integer(1...100)), ("before", .integer()), ("status", .oneOf(BookingStatus.self)),
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
                return .json(try await services.bookings.listBookings(request), headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .get, "/api/bookings/{id}", "A booking of the caller's.", Self.signedIn,
                statuses: [200, 401, 403, 404, 503, 504]
            ) { call in
                .json(try await ownBooking(call), headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .post, "/api/bookings/{id}/cancel", "Cancels a booking, until its start.", Self.customers,
                body: CancelBookingBody.self, statuses: [200, 400, 401, 403, 404, 409, 422, 503, 504]
            ) { call, body in
                let booking = try await ownBooking(call)
                return .json(
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
                let booking = try await ownBooking(call)
                return .json(
                    try await services.bookings.updateBookingStatus(
                        UpdateBookingStatus(
                            id: booking.id, to: body.status, expectedVersion: body.expectedVersion,
                            actor: try call.caller.role == .admin ? .admin : .vendor, reason: body.reason)))
            },
            Endpoint(.get, "/api/pets", "The caller's pets.", Self.customers, statuses: [200, 401, 403, 503, 504]) {
                call in
                .json(
                    try await services.bookings.listPets(ListPets(ownerId: try call.caller.id)),
                    headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .post, "/api/pets", "Enters a pet.", Self.customers, body: PetBody.self,
                statuses: [201, 400, 401, 403, 503, 504]
            ) { call, body in
                let pet = try await services.bookings.createPet(
                    CreatePet(
                        ownerId: try call.caller.id, name: body.name, species: body.species, breed: body.breed,
                        birthDate: body.birthDate, notes: body.notes))
                return .json(pet, status: .created)
            },
        ]
    }

    /// A booking the caller has to do with; another's is 404, so that ids tell nothing.
    private func ownBooking(_ call: GatewayCall) async throws -> Booking {
        let caller = try call.caller
        let booking = try await services.bookings.getBooking(GetBooking(id: try call.id()))
        switch caller.role {
        case .admin: return booking
        case .customer: if booking.customerId == caller.id { return booking }
        case .vendor:
            let own = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id))
            if own.id == booking.vendorId { return booking }
        case .ops: break
        }
        throw Problem(.notFound, RemoteError.Code.bookingNotFound.rawValue, "There is no such booking.")
    }

    // MARK: Operations

    private var operations: [Endpoint] {
        [
            Endpoint(.get, "/health/live", "Whether the gateway runs.", statuses: [200]) { _ in
                .json(JSONValue.object(["status": "live"]), headers: [.cacheControl: "no-store"])
            },
            Endpoint(
                .get, "/health/ready", "Whether the services can be used, and how calls to them fare.",
                statuses: [200, 503]
            ) { _ in
                var answers: [ServiceName: ServiceHealth] = [:]
                await withTaskGroup(of: (ServiceName, ServiceHealth).self) { group in
                    for service in ServiceName.allCases {
                        group.addTask { (service, await services.health(service)) }
                    }
                    for await (service, health) in group { answers[service] = health }
                }
                var object = JSONObject()
                for service in ServiceName.allCases { object[service.rawValue] = answers[service]?.json }
                let isReady = answers.values.allSatisfy(\.isUsable)
                return .json(
                    JSONValue.object([
                        "status": .string(isReady ? "ready" : "not_ready"), "services": .object(object),
                    ]),
                    status: isReady ? .ok : .serviceUnavailable, headers: [.cacheControl: "no-store"])
            },
        ]
    }
}

@Message
struct AvailabilityQuery {
    var serviceId: Int
    var date: LocalDate
}
