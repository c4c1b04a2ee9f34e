import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import Synchronization

/// Sends bookings at a steady rate, whether or not earlier ones were answered.
final class Load: Sendable {
    /// The outcome of one booking request.
    struct Outcome: Sendable {
        let number: Int
        let key: String
        /// When the request was sent, since the load began.
        let began: Duration
        /// The HTTP status; 0 without an answer.
        let status: Int
        let code: String?
        let bookingId: Int?
        let milliseconds: Int

        /// Whether another request books the same pet at the same time. The platform must then refuse one of the two.
        var isContested: Bool { number % 10 >= 8 }
        /// The number that the two contested requests of a pair share.
        var pair: Int { number / 10 }
        /// Whether the customer cancels this booking at once, so that it has a second event.
        var isCancelled: Bool { number % 10 == 3 }
        /// Whether the platform answered as expected: 201, or 409 `PET_BUSY` for a contested request.
        var isAnswered: Bool { status == 201 || isContested && status == 409 && code == "PET_BUSY" }
    }

    /// A customer that books, at an address of its own. There are many, because the gateway takes 60 requests of an account at
    /// once, and then one a second.
    private struct Customer: Sendable {
        let http: HTTP
        let token: String
        let pet: Int
        /// The vendor with which the customer books, and its service.
        let vendor: Int
        let service: Int
        /// How many bookings each customer makes. Some send two requests for each, which the gateway takes at any speed.
        static let bookings = 30
        /// How many customers may book the same time.
        static let atOnce = 100
    }

    /// How many vendors there are. Each has a place for each of its customers that may book the same time.
    private static let vendors = 10

    private let customers: [Customer]
    private let outcomes = Mutex<[Outcome]>([])

    private init(customers: [Customer]) { self.customers = customers }

    var results: [Outcome] { outcomes.withLock { $0 } }

    /// Registers vendors, and enough customers, each with a pet, for this number of bookings.
    static func prepare(_ url: String, bookings: Int) async throws -> Load {
        let http = HTTP(url: url, client: client)
        var vendors: [(id: Int, service: Int)] = []
        for number in 0..<Self.vendors {
            let own = http.at(LoadRates.address(number))
            let vendor = try await own.makeVendor(
                capacity: Customer.atOnce / Self.vendors, untilActive: Self.untilActive)
            vendors.append((vendor.id, vendor.service))
        }
        var customers: [Customer] = []
        for number in 0..<max(40, (bookings + Customer.bookings - 1) / Customer.bookings) {
            let own = http.at(LoadRates.address(number))
            let token = try await own.makeCustomer()
            let vendor = vendors[number / 10 % vendors.count]
            customers.append(
                Customer(
                    http: own, token: token, pet: try await own.makePet(token, name: "Dog \(number)"),
                    vendor: vendor.id,
                    service: vendor.service))
        }
        return Load(customers: customers)
    }

    /// Asks ten times a second whether an account is active, because its rate is limited.
    static func untilActive(_ http: HTTP, _ token: String) async throws {
        for _ in 0..<100 {
            if try await http.get("/api/me", token: token).body["state"] == "active" { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A client with up to 512 connections, so that requests wait in the platform and not in a queue of this client.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Sends `rate` bookings per second for `seconds`, and reports the progress to `note` every 5 s.
    ///
    /// Every tenth request repeats the time and the pet of the one before. The platform must refuse one of the two. Another tenth of
    /// the bookings is cancelled as soon as it is made.
    func run(
        seconds: Int, rate: Int, since begin: ContinuousClock.Instant, _ note: @escaping @Sendable (String) -> Void
    ) async throws {
        let clock = ContinuousClock()
        let day = Int64(Date().timeIntervalSince1970) / 86_400 + 2
        await withDiscardingTaskGroup { group in
            for number in 0..<(seconds * rate) {
                let due = begin + .nanoseconds(Int64(number) * 1_000_000_000 / Int64(rate))
                if clock.now < due {
                    // The sleep throws only if the trial is cancelled.
                    try? await clock.sleep(until: due)
                }
                if Task.isCancelled { return }
                if number > 0, number % (rate * 5) == 0 {
                    note("\(number / rate) s: \(outcomes.withLock { $0.count }) answered of \(number)")
                }
                // Every tenth request repeats the time and the pet of the one before.
                let wish = number % 10 == 9 ? number - 1 : number
                // The customers take turns, so that each needs few connections. Each books one slot after another. The slots of the
                // next 100 customers come after them.
                let customer = wish % customers.count
                let slot = wish / customers.count + customer / Customer.atOnce * Customer.bookings
                let start = Instant(milliseconds: day * 86_400_000 + Int64(slot) * 1_800_000)
                group.addTask { await self.book(self.customers[customer], start, number, since: begin) }
            }
        }
    }

    private func book(_ customer: Customer, _ start: Instant, _ number: Int, since begin: ContinuousClock.Instant) async
    {
        let key = "trial-\(number)"
        let body: JSONValue = [
            "vendorId": .int(Int64(customer.vendor)), "serviceId": .int(Int64(customer.service)),
            "petId": .int(Int64(customer.pet)),
            "start": .string(start.description),
        ]
        let began = ContinuousClock.now
        var status = 0
        var code: String?
        var id: Int?
        do {
            let answer = try await customer.http.send(
                .POST, "/api/bookings", body, token: customer.token, key: key, timeout: .seconds(15))
            status = answer.status
            code = answer.code
            id = status == 201 ? answer.body["id"]?.intValue : nil
        } catch {
            code = "\(error)"
        }
        let took = began.duration(to: .now)
        let outcome = Outcome(
            number: number, key: key, began: begin.duration(to: began), status: status, code: code, bookingId: id,
            milliseconds: Int(took / .milliseconds(1)))
        outcomes.withLock { $0.append(outcome) }
        if let id, outcome.isCancelled {
            // Whether it succeeds does not matter. The agenda must agree with the bookings in any case.
            _ = try? await customer.http.send(
                .POST, "/api/bookings/\(id)/cancel", [:], token: customer.token, timeout: .seconds(15))
        }
    }
}
