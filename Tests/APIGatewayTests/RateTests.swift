import HTTPTypes
import NIOCore
import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

@Suite("The table of request rates")
struct RateTableTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("lets a sender be a minute ahead, then takes its requests at the steady rate")
    func rate() {
        var table = RateTable()
        let sender = RateSender.account(1, .customer)
        for _ in 0..<60 { #expect(table.take(sender, perMinute: 60, at: start) == nil) }
        #expect(table.take(sender, perMinute: 60, at: start) == .seconds(1))
        // What was refused is not counted, so asking again does not lengthen the wait.
        #expect(table.take(sender, perMinute: 60, at: start) == .seconds(1))
        #expect(table.take(sender, perMinute: 60, at: start + .milliseconds(999)) == .milliseconds(1))
        #expect(table.take(sender, perMinute: 60, at: start + .seconds(1)) == nil)
        #expect(table.take(sender, perMinute: 60, at: start + .seconds(1)) != nil)
        let later = start + .minutes(5)
        for _ in 0..<60 { #expect(table.take(sender, perMinute: 60, at: later) == nil) }
        #expect(table.take(sender, perMinute: 60, at: later) != nil)
    }

    @Test("counts each sender for itself, and the same account in another role again")
    func senders() {
        var table = RateTable()
        let senders: [RateSender] = [
            .address("10.0.0.1"), .address("10.0.0.2"), .signIn("10.0.0.1"), .account(1, .customer),
            .account(1, .admin),
        ]
        for sender in senders {
            #expect(table.take(sender, perMinute: 1, at: start) == nil)
            #expect(table.take(sender, perMinute: 1, at: start) == .minutes(1))
        }
    }

    @Test("is bounded: when it is full, newcomers share a place, and those who have one keep it")
    func bound() {
        var table = RateTable(limit: 10)
        for number in 0..<10 { #expect(table.take(.address("\(number)"), perMinute: 2, at: start) == nil) }
        // Two newcomers share what one may send.
        #expect(table.take(.address("new"), perMinute: 2, at: start) == nil)
        #expect(table.take(.address("newer"), perMinute: 2, at: start) == nil)
        #expect(table.take(.address("newest"), perMinute: 2, at: start) != nil)
        #expect(table.take(.address("0"), perMinute: 2, at: start) == nil)
        #expect(table.count <= 11)
        // Places whose time has passed are given away.
        #expect(table.take(.address("newest"), perMinute: 2, at: start + .minutes(2)) == nil)
        #expect(table.count <= 11)
    }
}

@Suite("The address of a client")
struct ClientAddressTests {
    private func client(_ proxies: String, peer: String = "10.0.0.1", _ forwarded: String?) throws -> String {
        var headers = HTTPFields()
        if let forwarded { headers[try #require(HTTPField.Name("X-Forwarded-For"))] = forwarded }
        return try TrustedProxies(proxies).client(of: peer, peer, headers)
    }

    @Test("is the connection's, unless a trusted proxy says another")
    func proxies() throws {
        #expect(try client("", "1.2.3.4") == "10.0.0.1")
        #expect(try client("192.168.0.0/16", "1.2.3.4") == "10.0.0.1")
        #expect(try client("10.0.0.0/8", "1.2.3.4") == "1.2.3.4")
        #expect(try client("10.0.0.0/8", nil) == "10.0.0.1")
        // The client wrote the first one itself.
        #expect(try client("10.0.0.0/8", "6.6.6.6, 1.2.3.4") == "1.2.3.4")
        #expect(try client("10.0.0.0/8", "6.6.6.6, 1.2.3.4 , 10.9.9.9") == "1.2.3.4")
        #expect(try client("10.0.0.0/8", "1.2.3.4, nonsense") == "10.0.0.1")
        #expect(try client("10.0.0.1", "::ffff:1.2.3.4") == "1.2.3.4")
        #expect(try client("10.0.0.1", "2001:db8::1") == "20010db800000000/64")
        #expect(try client("10.0.0.1", "10.0.0.1") == "10.0.0.1")
        #expect(try client("::1/128, 127.0.0.0/8", peer: "::1", "1.2.3.4") == "1.2.3.4")
    }

    @Test("refuses text that is no address or range")
    func ranges() {
        for text in ["10.0.0.0/33", "10.0.0", "::/129", "10.0.0.0/", "example.org", "10.0.0.0/+8"] {
            #expect(throws: InvalidSetting.self, "\(text)") { try TrustedProxies(text) }
        }
        #expect(AddressRange("10.1.0.0/12")?.contains("10.15.255.255") == true)
        #expect(AddressRange("10.1.0.0/12")?.contains("10.16.0.0") == false)
        #expect(AddressRange("0.0.0.0/0")?.contains("9.9.9.9") == true)
        #expect(AddressRange("0.0.0.0/0")?.contains("::1") == false)
    }
}

@Suite("What the gateway takes from a sender")
struct RateTests {
    private func limited(_ answer: Answer) -> Bool {
        answer.status == 429 && answer.code == "RATE_LIMITED"
            && Int(answer.headers.first(name: "Retry-After") ?? "") ?? 0 > 0
    }

    @Test("is limited for an account; another account is not held up")
    func accounts() async throws {
        try await TestPlatform().serving(change: {
            $0.rates.customer = 3
            $0.rates.vendor = 5
        }) { gateway in
            let http = gateway.http
            let maya = try await http.signIn("maya@petpro.example")
            let marigold = try await http.signIn("marigold@petpro.example")
            for _ in 0..<3 { #expect(try await http.get("/api/me", token: maya).status == 200) }
            #expect(limited(try await http.get("/api/me", token: maya)))
            for _ in 0..<5 { #expect(try await http.get("/api/me", token: marigold).status == 200) }
            #expect(limited(try await http.get("/api/me", token: marigold)))
            // What needs no token stays there for everybody.
            #expect(try await http.get("/api/vendors").status == 200)
        }
    }

    @Test("is limited for an address that registers and signs in, and for the account that is tried")
    func signIns() async throws {
        try await TestPlatform().serving(change: {
            $0.rates.anonymous = 8
            $0.rates.signIns = 2
        }) { gateway in
            let http = gateway.http
            let wrong: JSONValue = ["email": "Maya@petpro.example", "password": "wrong password"]
            for _ in 0..<2 { #expect(try await http.post("/api/auth/login", wrong).status == 401) }
            #expect(limited(try await http.post("/api/auth/login", wrong)))
            // In any spelling that finds the account.
            for email in ["maya@petpro.example", " maya@petpro.example", "ｍaya@petpro.example"] {
                let body: JSONValue = ["email": .string(email), "password": "x"]
                #expect(limited(try await http.post("/api/auth/login", body)), "\(email)")
            }
            _ = try await http.signIn("dewi@petpro.example")
            let other: JSONValue = ["email": "new@petpro.example", "password": "correct horse", "name": "N"]
            #expect(try await http.post("/api/auth/register", other).status == 201)
            #expect(limited(try await http.post("/api/auth/refresh", ["refreshToken": "x"])))
        }
    }

    @Test("is limited for an address that sends tokens that are not valid, and those cause no more calls")
    func invalidTokens() async throws {
        try await TestPlatform().serving(change: {
            $0.rates.anonymous = 2
            $0.rates.customer = 2
        }) { gateway in
            let http = gateway.http
            let maya = try await http.signIn("maya@petpro.example")
            for _ in 0..<2 { #expect(try await http.get("/api/me", token: "x.y.z").status == 401) }
            #expect(limited(try await http.get("/api/me", token: "x.y.z")))
            #expect(limited(try await http.get("/api/me", token: maya)))
        }
        // What a role may not do counts too.
        try await TestPlatform().serving(change: { $0.rates.customer = 2 }) { gateway in
            let maya = try await gateway.http.signIn("maya@petpro.example")
            for _ in 0..<2 { #expect(try await gateway.http.get("/ops/health", token: maya).status == 403) }
            #expect(limited(try await gateway.http.get("/ops/health", token: maya)))
        }
    }

    @Test("is not refused where the limits are observed")
    func observed() async throws {
        try await TestPlatform().serving(change: {
            $0.rates.customer = 1
            $0.rates.mode = .observe
        }) { gateway in
            let maya = try await gateway.http.signIn("maya@petpro.example")
            for _ in 0..<3 { #expect(try await gateway.http.get("/api/me", token: maya).status == 200) }
        }
    }
}
