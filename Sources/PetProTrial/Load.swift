import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
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

    private let url: String
    private let token: String
    private let vendor: Int
    private let service: Int
    private let pets: [Int]
    private let outcomes = Mutex<[Outcome]>([])

    private init(url: String, token: String, vendor: Int, service: Int, pets: [Int]) {
        self.url = url
        self.token = token
        self.vendor = vendor
        self.service = service
        self.pets = pets
    }

    var results: [Outcome] { outcomes.withLock { $0 } }

    /// A request that had to be answered so and was not.
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    /// A vendor with room for many, and pets to book for.
    static func prepare(_ url: String) async throws -> Load {
        func post(_ path: String, _ body: JSONValue, _ token: String? = nil, _ method: HTTPMethod = .POST) async throws
            -> JSONValue
        {
            let (status, answer) = try await send(url + path, method, body, token: token, key: nil)
            guard (200..<300).contains(status) else {
                throw Unexpected(description: "\(path) was answered with \(status): \(answer.jsonText)")
            }
            return answer
        }
        func signIn(_ email: String, _ password: String) async throws -> String {
            let answer = try await post(
                "/api/auth/login", ["email": .string(email), "password": .string(password)])
            return answer["accessToken"]?.stringValue ?? ""
        }
        let email = "\(UUID().uuidString)@petpro.example"
        let vendor = try await post(
            "/api/vendors",
            [
                "user": ["email": .string(email), "password": "correct horse", "name": "Trial"],
                "vendor": [
                    "businessName": "Trial", "type": "walking", "timeZone": "UTC", "currency": "EUR", "capacity": 150,
                    "horizonDays": 365,
                ],
            ])
        let id = vendor["id"]?.intValue ?? 0
        let owner = try await signIn(email, "correct horse")
        // The event that activates the account is on its way.
        for _ in 0..<200 {
            if try await send(url + "/api/me", .GET, nil, token: owner, key: nil).0 == 200 { break }
            try await Task.sleep(for: .milliseconds(25))
        }
        let hours: [JSONValue] = (1...7).map { ["weekday": .int($0), "open": "00:00", "close": "24:00"] }
        _ = try await post("/api/vendors/\(id)/hours", ["hours": .array(hours)], owner, .PUT)
        let service = try await post(
            "/api/vendors/\(id)/services",
            [
                "name": "Walk", "durationMinutes": 30, "price": ["amountMinor": 900, "currency": "EUR"],
                "species": ["dog"],
            ], owner)
        let token = try await signIn("maya@petpro.example", "petpro-demo")
        var pets: [Int] = []
        for number in 0..<40 {
            let pet = try await post("/api/pets", ["name": .string("Dog \(number)"), "species": "dog"], token)
            pets.append(pet["id"]?.intValue ?? 0)
        }
        return Load(url: url, token: token, vendor: id, service: service["id"]?.intValue ?? 0, pets: pets)
    }

    /// As many connections as there are callers who wait: it is the platform that is to be measured, not the queue here.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    private static func send(
        _ url: String, _ method: HTTPMethod, _ body: JSONValue?, token: String?, key: String?
    ) async throws -> (Int, JSONValue) {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        if let body { request.body = .bytes(ByteBuffer(string: body.jsonText)) }
        let response = try await http.execute(request, timeout: .seconds(15))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return (
            Int(response.status.code),
            bytes.readableBytes == 0 ? .null : try JSONValue(parsing: bytes.readableBytesView)
        )
    }

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
                let start = Instant(milliseconds: day * 86_400_000 + Int64(wish / pets.count) * 1_800_000)
                let pet = pets[wish % pets.count]
                group.addTask { await self.book(pet, start, number, since: begin) }
            }
        }
    }

    private func book(_ pet: Int, _ start: Instant, _ number: Int, since begin: ContinuousClock.Instant) async {
        let key = "trial-\(number)"
        let body: JSONValue = [
            "vendorId": .int(Int64(vendor)), "serviceId": .int(Int64(service)), "petId": .int(Int64(pet)),
            "start": .string(start.description),
        ]
        let began = ContinuousClock.now
        var status = 0
        var code: String?
        var id: Int?
        do {
            let (answered, answer) = try await Self.send(url + "/api/bookings", .POST, body, token: token, key: key)
            status = answered
            code = answer["code"]?.stringValue
            id = status == 201 ? answer["id"]?.intValue : nil
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
