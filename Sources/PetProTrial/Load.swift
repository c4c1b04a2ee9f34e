import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import Synchronization

/// Books, at a steady rate, whatever is answered.
final class Load: Sendable {
    /// What became of one booking.
    struct Outcome: Sendable {
        let number: Int
        let key: String
        /// Since the load began.
        let began: Duration
        /// 0 when there was no answer at all.
        let status: Int
        let code: String?
        let bookingId: Int?
        let milliseconds: Int

        /// Whether another wish is for the same pet at the same time, so that one of the two must be refused.
        var isContested: Bool { number % 10 >= 8 }
        /// The one of a pair of contested wishes that the other one belongs to.
        var pair: Int { number / 10 }
        /// An answer, be it a refusal, that was to be expected.
        var isAnswered: Bool { status == 201 || isContested && status == 409 && code == "PET_BUSY" }
    }

    /// One who books. An account may have only so many bookings that are not over yet, so there are many.
    private struct Customer: Sendable {
        let token: String
        let pet: Int
        /// Bookings that one makes, of the hundred that it may.
        static let bookings = 80
        /// Those who may wish for one and the same time; the vendor has room for more.
        static let atOnce = 100
    }

    private let http: HTTP
    private let vendor: Int
    private let service: Int
    private let customers: [Customer]
    private let outcomes = Mutex<[Outcome]>([])

    private init(http: HTTP, vendor: Int, service: Int, customers: [Customer]) {
        self.http = http
        self.vendor = vendor
        self.service = service
        self.customers = customers
    }

    var results: [Outcome] { outcomes.withLock { $0 } }

    /// A vendor with room for many, and customers with a pet each for so many bookings.
    static func prepare(_ url: String, bookings: Int) async throws -> Load {
        let http = HTTP(url: url, client: client)
        let vendor = try await http.makeVendor(capacity: 150)
        var customers: [Customer] = []
        for number in 0..<max(40, (bookings + Customer.bookings - 1) / Customer.bookings) {
            let token = try await http.makeCustomer()
            customers.append(Customer(token: token, pet: try await http.makePet(token, name: "Dog \(number)")))
        }
        return Load(http: http, vendor: vendor.id, service: vendor.service, customers: customers)
    }

    /// As many connections as there are callers who wait: it is the platform that is to be measured, not the queue here.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Books for that long. One of ten wishes for the time and the pet of the one before, and one of the
    /// two must be refused.
    func run(
        seconds: Int, rate: Int, since begin: ContinuousClock.Instant, _ note: @escaping @Sendable (String) -> Void
    ) async throws {
        let clock = ContinuousClock()
        let day = Int64(Date().timeIntervalSince1970) / 86_400 + 2
        await withDiscardingTaskGroup { group in
            for number in 0..<(seconds * rate) {
                let due = begin + .nanoseconds(Int64(number) * 1_000_000_000 / Int64(rate))
                if clock.now < due {
                    // Ended early only when the trial is.
                    try? await clock.sleep(until: due)
                }
                if Task.isCancelled { return }
                if number > 0, number % (rate * 5) == 0 {
                    note("\(number / rate) s: \(outcomes.withLock { $0.count }) answered of \(number)")
                }
                // The time and the pet of the one before.
                let wish = number % 10 == 9 ? number - 1 : number
                let customer = wish / 10 % customers.count
                // Its own wishes follow one another; those of the next hundred customers come after all of these.
                let slot =
                    wish / 10 / customers.count * 10 + wish % 10 + customer / Customer.atOnce * Customer.atOnce
                let start = Instant(milliseconds: day * 86_400_000 + Int64(slot) * 1_800_000)
                group.addTask { await self.book(self.customers[customer], start, number, since: begin) }
            }
        }
    }

    private func book(_ customer: Customer, _ start: Instant, _ number: Int, since begin: ContinuousClock.Instant) async
    {
        let key = "trial-\(number)"
        let body: JSONValue = [
            "vendorId": .int(Int64(vendor)), "serviceId": .int(Int64(service)), "petId": .int(Int64(customer.pet)),
            "start": .string(start.description),
        ]
        let began = ContinuousClock.now
        var status = 0
        var code: String?
        var id: Int?
        do {
            let answer = try await http.send(
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
    }
}
