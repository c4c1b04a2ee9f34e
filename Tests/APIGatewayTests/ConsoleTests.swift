import HTTPTypes
import NIOCore
import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import SequenceDiagrams
import Testing

@testable import APIGateway

@Suite("The console", .timeLimit(.minutes(1)))
struct ConsoleTests {
    @Test("knows the three flows, with what is beyond them")
    func flows() throws {
        let flows = try Console.flows()
        #expect(flows.map(\.name) == ["booking-creation", "product-availability", "vendor-registration"])
        #expect(flows.allSatisfy { $0.beyond != nil })
    }

    @Test("shows each request with its diagram and its verdict, and itself makes none")
    func traces() async throws {
        try await TestPlatform.traced(by: BoundedTracer()) { gateway, _ in
            let http = gateway.http
            #expect(try await http.get("/api/products/9001/availability").status == 200)
            let vendor = try await gateway.makeVendor()
            /// The requests of the console, once there is one of an operation.
            func traces(after operation: JSONValue) async throws -> [JSONValue] {
                var found: [JSONValue] = []
                try await eventually {
                    found = try await http.get("/console/api/traces").body["traces"]?.arrayValue ?? []
                    return found.contains { $0["operation"] == operation }
                }
                return found
            }
            let first = try await traces(after: "POST /api/vendors/{id}/services")
            let availability = try #require(
                first.first { $0["operation"] == "GET /api/products/{id}/availability" })
            #expect(
                availability["verdict"]?["flow"] == "product-availability" && availability["verdict"]?["right"] == true)
            #expect(availability["status"] == 200 && availability["path"] == "/api/products/9001/availability")
            let registration = try #require(first.first { $0["operation"] == "POST /api/vendors" })
            #expect(registration["verdict"]?["right"] == true, "\(registration)")
            #expect(vendor.id > 0)
            #expect(try await http.get("/nowhere").status == 404)
            let stray = try await traces(after: "GET (no route)").first
            // What someone wrote into a path is not kept.
            #expect(stray?["path"] == "" && stray?["verdict"]?["flow"] == nil)
            // Looking changes nothing.
            let again = try await http.get("/console/api/traces").body["traces"]?.arrayValue ?? []
            #expect(again.dropFirst().map { $0["id"] } == first.map { $0["id"] })

            let id = try #require(availability["id"]?.stringValue)
            let one = try await http.get("/console/api/traces/\(id)").body
            #expect(
                one["participants"] == ["Client", "APIGateway", "VendorService", "ProductService"])
            let mermaid = try #require(one["mermaid"]?.stringValue)
            #expect(mermaid.contains("APIGateway->>ProductService: getProduct()"))
            #expect(one["text"]?.stringValue?.contains("checkInventory()") == true)
            let observed = try #require(SequenceDiagram(markdown: "```mermaid\n\(mermaid)```"))
            let written = try Console.flows()[1]
            #expect(observed.paths.first?.arrows == written.diagram.paths.first?.arrows)
            for id in [
                String(repeating: "0", count: 32), String(repeating: "A", count: 32), String(repeating: "z", count: 32),
            ] {
                #expect(try await http.get("/console/api/traces/\(id)").status == 404)
            }

            // No flow begins with HEAD, whose answer is that of GET.
            #expect(try await http.send(.HEAD, "/api/products/9001/availability").status == 200)
            _ = try await traces(after: "HEAD /api/products/{id}/availability")
            let counted = try await http.get("/console/api/flows").body
            #expect(counted["unjudged"] == 0)
            let flows = counted["flows"]?.arrayValue ?? []
            #expect(flows.map { $0["name"] } == ["booking-creation", "product-availability", "vendor-registration"])
            let ways = flows[1]["diagram"]?["ways"]?.arrayValue
            #expect(ways?.map { $0["count"] } == [1])
            let health = try await http.get("/console/api/health").body["services"]
            #expect(health?["auth"]?["status"] == "ready")
        }
    }

    @Test("shows message and reply of each call without texts, as frames too")
    func messages() async throws {
        try await TestPlatform.traced(by: BoundedTracer(messages: 16)) { gateway, _ in
            let http = gateway.http
            let maya = try await http.signIn("maya@petpro.example")
            let vendor = try await gateway.makeVendor(capacity: 1)
            let booking: JSONValue = [
                "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)), "petId": 1,
                "start": .string(PetProTesting.start(20)), "notes": "CANARY notes",
            ]
            let answer = try await http.post("/api/bookings", booking, token: maya)
            #expect(answer.status == 201, "\(answer.body)")
            let id = try #require(answer.headers.first(name: "X-Trace-Id"))
            var trace: JSONValue = .null
            try await eventually {
                trace = try await http.get("/console/api/traces/\(id)").body
                return trace["calls"] != nil
            }
            let calls = trace["calls"]?.arrayValue ?? []
            let made = try #require(calls.first { $0["name"] == "createBooking" })
            #expect(made["command"] == "create-booking")
            let message = try JSONValue(parsing: Array((made["message"]?.stringValue ?? "").utf8))
            #expect(message["vendorId"] == .int(Int64(vendor.id)) && message["notes"] == "[personal]", "\(message)")
            let reply = try JSONValue(parsing: Array((made["reply"]?.stringValue ?? "").utf8))
            #expect(reply["status"] == "pending" && reply["id"]?.intValue != nil, "\(reply)")
            let frame = try #require(made["frames"]?.arrayValue?.first?.stringValue)
            let parts = frame.split(separator: "#", maxSplits: 1)
            #expect(Int(parts[0]) == parts[1].utf16.count)
            let packet = try JSONValue(parsing: Array(parts[1].utf8))
            #expect(packet["pattern"] == ["cmd": "create-booking"] && packet["data"] == message)
            let token = try #require(calls.first { $0["name"] == "validateToken" })
            #expect(token["message"]?.stringValue == #"{"token":"[secret]"}"#)
            for word in ["CANARY", maya, "maya@petpro.example", "Maya"] { #expect(!trace.jsonText.contains(word)) }
            // In lists there are none.
            let list = try await http.get("/console/api/traces").body.jsonText
            #expect(list.contains("createBooking") && !list.contains("petId"))
        }
    }

    @Test("sends a command from a page in demo mode, and shows its trace; outside of it, only describes commands")
    func commands() async throws {
        try await TestPlatform.traced(by: BoundedTracer()) { gateway, _ in
            let http = gateway.http
            let vendor = try await gateway.makeVendor()
            let all = try await http.get("/console/api/commands").body["services"]
            let described = all?["vendor"]?["commands"]?.arrayValue?.first { $0["name"] == "getVendorById" }
            #expect(described?["pattern"] == ["cmd": "get-vendor-by-id"] && described?["request"] != nil)
            #expect(all?["vendor"]?["examples"]?["getVendorById"] != nil)
            func send(_ body: JSONValue) async throws -> Answer {
                try await http.send(
                    .POST, "/console/api/commands", body, fields: [(name: "X-CSRF-Token", value: "demo")])
            }
            let answer = try await send([
                "service": "vendor", "command": "getVendorById", "message": ["id": .int(Int64(vendor.id))],
            ]).body
            #expect(answer["reply"]?["id"] == .int(Int64(vendor.id)), "\(answer)")
            let id = try #require(answer["trace"]?.stringValue)
            var trace: JSONValue = .null
            try await eventually {
                trace = try await http.get("/console/api/traces/\(id)").body
                return trace["calls"] != nil
            }
            #expect(trace["operation"] == "CALL vendor get-vendor-by-id" && trace["status"] == 200, "\(trace)")
            #expect(trace["calls"]?.arrayValue?.map { $0["name"] } == ["getVendorById"])
            let wrong = try await send(["service": "vendor", "command": "get-vendor-by-id", "message": ["id": "x"]])
                .body
            #expect(wrong["code"] == "INVALID_PAYLOAD" && wrong["error"]?["details"] != nil, "\(wrong)")
            let none = try await send(["service": "vendor", "command": "getvendor", "message": [:]])
            #expect(none.status == 404 && none.body["detail"] == "vendor has no command getvendor.")
            let half = try await send(["service": "vendor"])
            #expect(half.status == 400)
            let stream = try await send(["service": "product", "command": "watchInventoryChanges", "message": [:]])
            #expect(stream.status == 400 && stream.body["detail"]?.stringValue?.contains("rookery watch") == true)
        }
        try await TestPlatform().serving(
            change: {
                $0.rates.mode = .off
                $0.console.isDemo = false
            }, tracer: BoundedTracer()
        ) { gateway in
            let admin = try await gateway.http.signIn("admin@petpro.example")
            let described = try await gateway.http.get("/console/api/commands", token: admin)
            #expect(described.status == 200 && described.body["services"]?["auth"] != nil)
            let sent = try await gateway.http.post(
                "/console/api/commands", ["service": "vendor", "command": "getVendorById", "message": ["id": 1]],
                token: admin)
            #expect(sent.status == 404)
        }
    }

    @Test("names the first wrong arrow of a request whose calls are in another order, over the wire")
    func swapped() async throws {
        try await TestPlatform.traced(
            by: BoundedTracer(),
            products: { real in
                // What the gateway asks second is asked first.
                var swapped = ProductAPIStub()
                swapped.getProductHandler = { request in
                    _ = try await real.checkInventory(CheckInventory(productId: request.id))
                    return try await real.getProduct(request)
                }
                swapped.checkInventoryHandler = { try await real.checkInventory($0) }
                return swapped
            }
        ) { gateway, _ in
            let answer = try await gateway.http.get("/api/products/9001/availability")
            #expect(answer.status == 200)
            let id = try #require(answer.headers.first(name: "X-Trace-Id"))
            var verdict: JSONValue?
            try await eventually {
                verdict = try await gateway.http.get("/console/api/traces/\(id)").body["verdict"]
                return verdict != nil
            }
            #expect(verdict?["right"] == false && verdict?["position"] == 1, "\(String(describing: verdict))")
            #expect(
                verdict?["text"]?.stringValue
                    == "not product-availability: arrow 1 is APIGateway>ProductService.checkInventory, "
                    + "expected APIGateway>ProductService.getProduct")
        }
    }

    @Test("has its pages under a policy that allows nothing from elsewhere")
    func pages() async throws {
        try await TestPlatform().serving(tracer: BoundedTracer()) { gateway in
            for (path, type) in [
                ("/console", "text/html"), ("/console/app.js", "text/javascript"),
                ("/console/diagram.js", "text/javascript"), ("/console/booking.js", "text/javascript"),
                ("/console/topology.js", "text/javascript"), ("/console/events.js", "text/javascript"),
                ("/console/trace.js", "text/javascript"), ("/console/palette.js", "text/javascript"),
                ("/console/explorer.js", "text/javascript"), ("/console/faults.js", "text/javascript"),
                ("/console/style.css", "text/css"),
            ] {
                try await RawSocket.connected(to: gateway.port) { socket in
                    try await socket.write("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    let text = String(decoding: await socket.readToEnd(), as: UTF8.self).lowercased()
                    #expect(text.hasPrefix("http/1.1 200") && text.contains("content-type: \(type)"))
                    let policies = text.split(separator: "\r\n").filter { $0.hasPrefix("content-security-policy:") }
                    #expect(policies.count == 1 && policies[0].contains("script-src 'self'"))
                    #expect(!policies[0].contains("unsafe"))
                }
            }
        }
    }

    @Test("streams requests while they end, and keeps no gateway from stopping")
    func live() async throws {
        let board = TraceBoard(
            BoundedTracer(), flows: try Console.flows(), sampling: TraceSampling(perSecond: 1000, slow: .seconds(1)))
        let watches = try (0..<TraceBoard.watcherLimit).map { try board.watch(by: "user \($0 % 2)") }
        #expect(throws: Problem.self) { try board.watch(by: "user 3") }
        watches[0].end()
        #expect(throws: Problem.self, "half are its own") { try board.watch(by: "user 1") }
        let another = try board.watch(by: "user 0")
        board.stop()
        var before = another.requests.makeAsyncIterator()
        #expect(await before.next() == nil)
        var after = try board.watch(by: "user 0").requests.makeAsyncIterator()
        #expect(await after.next() == nil)
        try await TestPlatform.traced(by: BoundedTracer()) { gateway, _ in
            try await RawSocket.connected(to: gateway.port) { socket in
                try await socket.write("GET /console/api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                var text = ""
                while !text.contains("retry: 2000") {
                    text = String(decoding: try await socket.read(text.utf8.count + 1), as: UTF8.self)
                }
                #expect(try await gateway.http.get("/api/vendors").status == 200)
                while !text.contains("\"operation\":\"GET /api/vendors\"") {
                    let bytes = try await socket.read(text.utf8.count + 1)
                    if bytes.count == text.utf8.count { break }
                    text = String(decoding: bytes, as: UTF8.self)
                }
                #expect(text.contains("event: trace\ndata: {"))
            }
        }
    }

    @Test("answers on this machine under its own names only, and is not there without spans")
    func admission() async throws {
        try await TestPlatform().serving(tracer: BoundedTracer()) { gateway in
            func status(_ path: String, host: String, from address: String = "127.0.0.1") async throws -> String {
                try await RawSocket.connected(to: gateway.port, from: address) { socket in
                    try await socket.write("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
                    return String(String(decoding: await socket.readToEnd(), as: UTF8.self).dropFirst(9).prefix(3))
                }
            }
            let home = try await status("/console", host: "localhost")
            #expect(home == "200")
            for host in ["localhost:8080", "127.0.0.1", "127.0.0.1:8080"] {
                #expect(try await status("/console/api/traces", host: host) == "200", "\(host)")
            }
            let forwarded = try await status("/console/api/traces", host: "127.0.0.1\r\nX-Forwarded-For: 203.0.113.7")
            #expect(forwarded == "401")
            let foreign = try await status("/console/api/live", host: "127.0.0.1\r\nSec-Fetch-Site: cross-site")
            #expect(foreign == "401")
            for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "127.evil"] {
                #expect(try await status("/console/api/traces", host: host) == "403", "\(host)")
                #expect(try await status("/console", host: host) == "403", "\(host)")
            }
        }
        try await TestPlatform().serving { gateway in
            for path in ["/console", "/console/api/traces"] {
                let answer = try await gateway.http.get(path)
                #expect(answer.status == 404)
            }
        }
    }
}
