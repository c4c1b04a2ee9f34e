import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

// What a person may ask about their own data.
extension Endpoints {
    /// Returns everything that the services keep about a person.
    var export: Endpoint {
        .with(
            reply: AccountExport.self, .get, "/api/me/export", "exportAccount",
            "Returns all data of the token's account, from all services.",
            .init(
                access: Self.accounts,
                calls: [
                    AuthAPIContract.getUser, BookingAPIContract.listPets, BookingAPIContract.listBookings,
                    VendorAPIContract.getVendorByUser,
                ])
        ) { call in try await exported(try call.caller) }
    }

    /// Changes a person's password.
    var passwordChange: Endpoint {
        .with(
            body: ChangePassword.self, given: GivenMembers(["userId": Self.anyID]), reply: Empty.self, .post,
            "/api/me/password", "changePassword", "Changes the password of the account, and ends all its sessions.",
            .init(access: Self.accounts, calls: [AuthAPIContract.changePassword])
        ) { call, body in
            var request = body
            request.userId = try call.caller.id
            // A stolen token must not be a way to guess the password.
            try rates.take(.signIn("account \(request.userId)"))
            try await services.auth.changePassword(request)
            return Empty()
        }
    }

    /// Erases a person's account and data.
    var erasure: Endpoint {
        .with(
            reply: Empty.self, .delete, "/api/me", "eraseAccount",
            """
            Erases the token's account for good, with all its sessions. The services then erase the person's data; a \
            service that is down does so later. Bookings stay, without the person. An account under a legal hold is not erased.
            """,
            .init(
                access: .roles([.customer, .vendor], evenPending: true), calls: [AuthAPIContract.eraseUser])
        ) { call in
            try await services.auth.eraseUser(EraseUser(id: try call.caller.id))
            return Empty()
        }
    }

    private func exported(_ caller: TokenUser) async throws -> AccountExport {
        let account = try await services.auth.getUser(GetUser(id: caller.id))
        let pets = try await pages { after in
            let page = try await services.bookings.listPets(ListPets(ownerId: caller.id, limit: 100, after: after))
            return (page.items, page.next)
        }
        let bookings = try await pages { before in
            let page = try await services.bookings.listBookings(
                ListBookings(customerId: caller.id, limit: 100, before: before))
            return (page.items, page.next)
        }
        var vendor: Vendor?
        if caller.role == .vendor {
            do {
                vendor = try await services.vendors.getVendorByUser(GetVendorByUser(userId: caller.id))
            } catch let error as RemoteError where error.code == .vendorNotFound {
                // A pending account has no vendor yet.
            }
        }
        let parts = [("account", "auth", 1), ("pets", "booking", pets.count), ("bookings", "booking", bookings.count)]
        return AccountExport(
            manifest: (parts + [("vendor", "vendor", vendor == nil ? 0 : 1)]).map {
                ExportPart(category: $0.0, service: $0.1, count: $0.2)
            }, account: account, pets: pets, bookings: bookings, vendor: vendor)
    }

    /// Reads all pages of a list. `read` gets the position of a page, and returns its items and the next position.
    private func pages<Item>(_ read: (Int?) async throws -> ([Item], Int?)) async throws -> [Item] {
        var all: [Item] = []
        var position: Int?
        repeat {
            let (items, next) = try await read(position)
            all += items
            position = next
        } while position != nil
        return all
    }
}
