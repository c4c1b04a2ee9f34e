import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery

/// Suspends vendors and makes them active again, while customers book them and they add products.
///
/// A booking or a product may then come to its service after the event that says that its vendor is not active.
struct StatusChanges {
    private struct Subject {
        let vendor: Int
        let service: Int
        let token: String
        let http: HTTP
        let customer: String
        let pet: Int
    }

    /// How many vendors take turns. The gateway lets each add a product in time.
    private static let count = 5
    /// From one change to the next. The gateway takes one request a second of an account.
    private static let pace: Duration = .seconds(1)

    private let admin: HTTP
    private let token: String
    private let subjects: [Subject]

    /// Registers the vendors and a customer for each, at addresses of their own. `admin` is the account of an administrator.
    static func prepare(_ url: String, admin: (email: String, password: String)) async throws -> StatusChanges {
        let http = HTTP(url: url)
        var subjects: [Subject] = []
        for number in 0..<count {
            // The load has the addresses before.
            let own = http.at(LoadRates.address(60_000 + number))
            let vendor = try await own.makeVendor(capacity: 10, untilActive: Load.untilActive)
            let customer = try await own.makeCustomer()
            subjects.append(
                Subject(
                    vendor: vendor.id, service: vendor.service, token: vendor.token, http: own, customer: customer,
                    pet: try await own.makePet(customer, name: "Rex \(number)")))
        }
        let own = http.at(LoadRates.address(61_000))
        return StatusChanges(
            admin: own, token: try await own.signIn(admin.email, admin.password), subjects: subjects)
    }

    /// Changes the status of a vendor each second, for `seconds`. Returns how many changes were acknowledged.
    ///
    /// Whether a single request succeeds does not matter. What is kept must agree in any case.
    func run(seconds: Int, since begin: ContinuousClock.Instant) async throws -> Int {
        var isActive = Array(repeating: true, count: subjects.count)
        var changes = 0
        for turn in 0..<seconds {
            try await ContinuousClock().sleep(until: begin + Self.pace * turn)
            let at = turn % subjects.count
            let subject = subjects[at]
            let wanted = isActive[at] ? "suspended" : "active"
            async let changed = set(wanted, of: subject)
            async let booked = book(subject, turn)
            async let added = add(subject, turn)
            _ = await (booked, added)
            let answer = try? await changed
            // The status is the wanted one already if an earlier change happened unseen.
            if answer?.status == 200 || answer?.code == "INVALID_TRANSITION" {
                isActive[at].toggle()
                if answer?.status == 200 { changes += 1 }
            }
        }
        // One vendor ends in each status, so that both are compared.
        try await settle(subjects[0], on: "suspended")
        try await settle(subjects[1], on: "active")
        return changes
    }

    /// Sets a vendor's status. A refused try is repeated, at most 29 times. Throws if none succeeds.
    private func settle(_ subject: Subject, on status: String) async throws {
        for _ in 0..<30 {
            let answer = try? await set(status, of: subject)
            if answer?.status == 200 || answer?.code == "INVALID_TRANSITION" { return }
            try await Task.sleep(for: Self.pace)
        }
        throw HTTP.Unexpected("vendor \(subject.vendor) cannot be made \(status)")
    }

    private func set(_ status: String, of subject: Subject) async throws -> Answer {
        try await admin.send(
            .PATCH, "/api/vendors/\(subject.vendor)/status", ["status": .string(status)], token: token,
            timeout: .seconds(15))
    }

    private func book(_ subject: Subject, _ turn: Int) async {
        for half in 0..<2 {
            // A refusal is expected while the vendor is suspended, and a failure while an instance is down.
            _ = try? await subject.http.send(
                .POST, "/api/bookings",
                [
                    "vendorId": .int(Int64(subject.vendor)), "serviceId": .int(Int64(subject.service)),
                    "petId": .int(Int64(subject.pet)), "start": .string(start(2 * turn + half)),
                ], token: subject.customer, key: "status-\(turn)-\(half)", timeout: .seconds(15))
        }
    }

    private func add(_ subject: Subject, _ turn: Int) async {
        // As for bookings.
        _ = try? await subject.http.send(
            .POST, "/api/products",
            [
                "sku": .string("SKU-\(turn)"), "name": "Leash", "price": ["amountMinor": 900, "currency": "EUR"],
                "species": ["dog"],
            ], token: subject.token, timeout: .seconds(15))
    }
}
