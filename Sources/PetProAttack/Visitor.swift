import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import Synchronization

/// The well-behaved customers. Each visit, of one of them, lists vendors, checks stock, books, reads the booking and cancels it.
final class Visitor: Sendable {
    /// The results of the requests of some visits.
    struct Visits: Sendable {
        fileprivate(set) var milliseconds: [Double] = []
        /// The latencies of each step of the visits, in milliseconds.
        fileprivate(set) var bySteps: [String: [Double]] = [:]
        fileprivate(set) var failures: [String: Int] = [:]

        var failed: Int { failures.values.reduce(0, +) }

        /// Returns a percentile of the latencies, in milliseconds. `share` is 0 to 1.
        func percentile(_ share: Double) -> Double { PetProTesting.percentile(share, of: milliseconds) }

        /// The steps with their median latencies, the slowest first.
        var steps: [(name: String, median: Double)] {
            bySteps.map { ($0.key, PetProTesting.percentile(0.5, of: $0.value)) }.sorted { $0.median > $1.median }
        }
    }

    /// Collects the results of concurrent visits.
    private final class Record: Sendable {
        private let visits = Mutex(Visits())

        func add(_ step: String, _ milliseconds: Double, _ failure: String?) {
            visits.withLock { visits in
                visits.milliseconds.append(milliseconds)
                visits.bySteps[step, default: []].append(milliseconds)
                if let failure { visits.failures[failure, default: 0] += 1 }
            }
        }

        var all: Visits { visits.withLock { $0 } }
    }

    private struct Customer: Sendable {
        /// Sends from an address of its own.
        let http: HTTP
        let token: String
        let pet: Int
    }

    private let vendor: Int
    private let service: Int
    private let customers: [Customer]
    private let turns = Mutex(0)

    private init(vendor: Int, service: Int, customers: [Customer]) {
        self.vendor = vendor
        self.service = service
        self.customers = customers
    }

    /// Registers as many customers as it takes for each to stay below its rate, one request a second, with `perSecond` visits
    /// per second of five requests each.
    static func prepare(_ http: HTTP, perSecond: Int) async throws -> Visitor {
        let vendor = try await http.makeVendor(capacity: 1)
        let customers = try await withThrowingTaskGroup(of: Customer.self) { group in
            var customers: [Customer] = []
            for number in 0..<(perSecond * 5 + 1) {
                let own = http.at(LoadRates.address(number))
                group.addTask {
                    let token = try await own.makeCustomer()
                    return Customer(http: own, token: token, pet: try await own.makePet(token, name: "Dog \(number)"))
                }
                // As many at once as the platform hashes passwords for.
                if number >= 2, let customer = try await group.next() { customers.append(customer) }
            }
            return try await group.reduce(into: customers) { $0.append($1) }
        }
        return Visitor(vendor: vendor.id, service: vendor.service, customers: customers)
    }

    /// Starts `perSecond` visits per second for `time`, whether or not earlier visits have ended.
    ///
    /// Returns the results when all visits have ended.
    func come(for time: Duration, perSecond: Int) async -> Visits {
        let visits = Record()
        let clock = ContinuousClock()
        let begin = clock.now
        await withDiscardingTaskGroup { group in
            for number in 0... {
                let due = begin + .seconds(number) / perSecond
                if due >= begin + time { return }
                do { try await clock.sleep(until: due) } catch { return }
                group.addTask { await self.visit(visits) }
            }
        }
        return visits.all
    }

    private func visit(_ visits: Record) async {
        let turn = turns.withLock { turns in
            turns += 1
            return turns
        }
        let customer = customers[turn % customers.count]
        // Books a time of its own, so that no visit conflicts with another.
        let start = start(turn)
        var booking: Int?
        func step(
            _ name: String, _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil, expect status: Int
        ) async -> JSONValue? {
            let begin = ContinuousClock.now
            var failure: String?
            var answered: JSONValue?
            do {
                let answer = try await customer.http.send(
                    method, path, body, token: customer.token, timeout: .seconds(15))
                if answer.status == status {
                    answered = answer.body
                } else {
                    failure = "\(name): \(answer.status) \(answer.code ?? "")"
                }
            } catch {
                failure = "\(name): \(error)"
            }
            let took = begin.duration(to: .now) / .milliseconds(1)
            visits.add(name, took, failure)
            return answered
        }
        _ = await step("vendors", .GET, "/api/vendors", expect: 200)
        _ = await step("stock", .GET, "/api/products/9001/availability", expect: 200)
        booking = await step(
            "book", .POST, "/api/bookings",
            [
                "vendorId": .int(Int64(vendor)), "serviceId": .int(Int64(service)),
                "petId": .int(Int64(customer.pet)), "start": .string(start),
            ], expect: 201)?["id"]?.intValue
        guard let booking else { return }
        _ = await step("read", .GET, "/api/bookings/\(booking)", expect: 200)
        _ = await step("cancel", .POST, "/api/bookings/\(booking)/cancel", [:], expect: 200)
    }
}
