public import AsyncHTTPClient
import Foundation
public import NIOCore
public import NIOHTTP1
public import Rookery
import RookeryTesting

/// A client of a platform's HTTP API, for tests and trials.
public struct HTTP: Sendable {
    /// The URL of the platform, such as `http://127.0.0.1:8080`.
    public let url: String
    private let client: HTTPClient
    private let answers: AnswerCheck?
    /// The local address of its connections. Nil for the system's choice.
    private var address: String?

    /// Makes a client of the platform at a URL. With `answers`, an answer that the platform's document does not allow is an
    /// error, ``Unexpected``.
    public init(url: String, client: HTTPClient = .shared, answers: AnswerCheck? = nil) {
        self.url = url
        self.client = client
        self.answers = answers
    }

    /// The same client at another local address, such as `127.0.0.2`, which the platform takes for another client. Nil for the
    /// system's choice.
    public func at(_ address: String?) -> HTTP {
        var other = self
        other.address = address
        return other
    }

    /// A response that the next step cannot use.
    public struct Unexpected: Error, CustomStringConvertible {
        /// The request and its response.
        public let description: String

        /// Makes the error with a message.
        public init(_ description: String) { self.description = description }
    }

    /// Sends a request, and returns its response. Throws when the response does not arrive within `timeout`, by default
    /// 60 s, or when its body is over 16 MiB.
    public func send(
        _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil, token: String? = nil, key: String? = nil,
        fields: [(name: String, value: String)] = [], timeout: TimeAmount = .seconds(60)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.localAddress = address
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body.jsonText))
        }
        let response = try await client.execute(request, timeout: timeout)
        let bytes = try await response.body.collect(upTo: 1 << 24)
        let value =
            bytes.readableBytes == 0
            ? JSONValue.null : (try? JSONValue(parsing: bytes.readableBytesView)) ?? .string(String(buffer: bytes))
        let answer = Answer(status: Int(response.status.code), headers: response.headers, body: value)
        if let problems = answers?.problems(of: answer, method, path), !problems.isEmpty {
            throw Unexpected(
                "\(method) \(path): \(answer.status) \(answer.body.jsonText.prefix(300)): \(problems.joined(separator: "; "))"
            )
        }
        return answer
    }

    /// Sends a `POST` with a JSON body.
    public func post(_ path: String, _ body: JSONValue, token: String? = nil, key: String? = nil) async throws -> Answer
    {
        try await send(.POST, path, body, token: token, key: key)
    }

    /// Sends a `GET`.
    public func get(_ path: String, token: String? = nil) async throws -> Answer {
        try await send(.GET, path, token: token)
    }

    /// Sends a JSON body, and returns the body of the response. Throws ``Unexpected`` unless the status is 2xx.
    public func make(
        _ path: String, _ body: JSONValue, token: String? = nil, method: HTTPMethod = .POST
    ) async throws -> JSONValue {
        let answer = try await send(method, path, body, token: token)
        guard (200..<300).contains(answer.status) else {
            throw Unexpected("\(method) \(path) was answered with \(answer.status): \(answer.body.jsonText)")
        }
        return answer.body
    }

    private func id(_ answer: JSONValue) throws -> Int {
        guard let id = answer["id"]?.intValue else {
            throw Unexpected("an answer has no id: \(answer.jsonText)")
        }
        return id
    }

    // MARK: Accounts, vendors and pets for tests

    /// The password of the accounts that this client registers.
    public static let password = "correct horse"

    /// Signs in, and returns the access token. Throws ``Unexpected``.
    public func signIn(_ email: String, _ password: String = "petpro-demo") async throws -> String {
        let answer = try await make("/api/auth/login", ["email": .string(email), "password": .string(password)])
        guard let token = answer["accessToken"]?.stringValue else {
            throw Unexpected("the answer to a sign-in has no token")
        }
        return token
    }

    /// Registers a customer under a new address, signs in, and returns the access token.
    public func makeCustomer() async throws -> String {
        let email = "\(UUID().uuidString)@petpro.example"
        _ = try await make(
            "/api/auth/register", ["email": .string(email), "password": .string(Self.password), "name": "Carla"])
        return try await signIn(email, Self.password)
    }

    /// Returns the body of a vendor registration.
    public static func registration(
        _ email: String, name: String = "Test", timeZone: String = "UTC", capacity: Int = 1
    ) -> JSONValue {
        [
            "user": ["email": .string(email), "password": .string(password), "name": "Vera"],
            "vendor": [
                "businessName": .string(name), "type": "grooming", "timeZone": .string(timeZone), "currency": "EUR",
                "capacity": .int(Int64(capacity)), "horizonDays": 365,
            ],
        ]
    }

    /// Registers a new vendor that is always open, with one service of 30 minutes for dogs. Returns the ids and the
    /// access token.
    ///
    /// `untilActive` must return when the vendor's account is active.
    public func makeVendor(
        capacity: Int, untilActive: @Sendable (HTTP, String) async throws -> Void = HTTP.untilActive
    ) async throws -> (id: Int, service: Int, token: String) {
        let email = "\(UUID().uuidString)@petpro.example"
        let id = try id(try await make("/api/vendors", Self.registration(email, capacity: capacity)))
        let token = try await signIn(email, Self.password)
        try await untilActive(self, token)
        let hours: [JSONValue] = (1...7).map { ["weekday": .int($0), "open": "00:00", "close": "24:00"] }
        _ = try await make("/api/vendors/\(id)/hours", ["hours": .array(hours)], token: token, method: .PUT)
        let service = try await make(
            "/api/vendors/\(id)/services",
            [
                "name": "Walk", "durationMinutes": 30, "price": ["amountMinor": 1000, "currency": "EUR"],
                "species": ["dog"],
            ], token: token)
        return (id, try self.id(service), token)
    }

    /// Polls until an account is active, because the event of its vendor takes time.
    public static func untilActive(_ http: HTTP, _ token: String) async throws {
        try await eventually { try await http.get("/api/me", token: token).body["state"] == "active" }
    }

    /// Adds a dog, and returns its id.
    public func makePet(_ token: String, name: String = "Bob") async throws -> Int {
        try id(try await make("/api/pets", ["name": .string(name), "species": "dog"], token: token))
    }
}

/// Returns the start of the half hour `slot`, counted from midnight UTC in three days, as text.
public func start(_ slot: Int = 0) -> String {
    let day = Int64(Date().timeIntervalSince1970) / 86_400 + 3
    return Instant(milliseconds: day * 86_400_000 + Int64(slot) * 1_800_000).description
}
