import HTTPTypes
import InMemoryTracing
import NIOCore
import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import RookeryCore
import RookeryTesting
import Testing
import Tracing

@testable import APIGateway
@testable import BookingService

extension FinishedInMemorySpan {
    fileprivate func text(_ name: String) -> String? {
        if case .string(let text)? = attributes.get(name) { text } else { nil }
    }
}

/// The spans of requests, from the gateway to the last service.
private struct Spans {
    let all: [FinishedInMemorySpan]

    /// The requests over HTTP.
    var requests: [FinishedInMemorySpan] { all.filter { $0.text("http.request.method") != nil } }

    /// The calls of a request in the order of their start: `APIGateway>AuthService.validateToken`.
    func calls(of request: FinishedInMemorySpan) -> [String] {
        all.filter { $0.traceID == request.traceID && $0.text("rookery.destination") != nil }
            .sorted { $0.startInstant.nanosecondsSinceEpoch < $1.startInstant.nanosecondsSinceEpoch }
            .map {
                "\(caller(of: $0))>\(Self.participant($0.text("rookery.destination"))).\($0.text("rookery.command") ?? "")"
            }
    }

    private func caller(of span: FinishedInMemorySpan) -> String {
        var inner = span
        while let outer = all.first(where: { $0.spanID == inner.parentSpanID }) {
            if let service = outer.text("rookery.service") { return Self.participant(service) }
            inner = outer
        }
        return "APIGateway"
    }

    private static func participant(_ service: String?) -> String {
        service.flatMap { ServiceName(rawValue: $0) }?.participant ?? "?"
    }
}

@Suite("The spans of a request", .timeLimit(.minutes(1)))
struct SpanTests {
    @Test("are the calls of the flow's diagram, in every branch")
    func flows() async throws {
        let booking = try FlowDiagram("booking-creation")
        let availability = try FlowDiagram("product-availability")
        let registration = try FlowDiagram("vendor-registration")
        try await TestPlatform.traced(by: InMemoryTracer()) { gateway, tracer in
            let http = gateway.http
            let maya = try await http.signIn("maya@petpro.example")
            let vendor = try await gateway.makeVendor(capacity: 1)
            let pets = [1, try await http.makePet(maya)]
            func wish(_ pet: Int) -> JSONValue {
                [
                    "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)),
                    "petId": .int(Int64(pet)), "start": .string(PetProTesting.start(20)),
                ]
            }
            func compare(
                _ diagram: FlowDiagram, _ branches: [String], _ request: () async throws -> Answer
            ) async throws {
                tracer.clearAll(includingActive: false)
                let answer = try await request()
                let spans = Spans(all: tracer.finishedSpans)
                let span = try #require(spans.requests.first)
                let expected = diagram.path(branches)
                #expect(spans.calls(of: span) == expected.calls && answer.status == expected.status, "\(branches)")
            }
            try await compare(booking, ["Token Invalid"]) {
                try await http.post("/api/bookings", wish(pets[0]), token: "not.a.token")
            }
            try await compare(booking, ["Token Valid", "Vendor Available"]) {
                try await http.post("/api/bookings", wish(pets[0]), token: maya)
            }
            try await compare(booking, ["Token Valid", "Vendor Unavailable"]) {
                try await http.post("/api/bookings", wish(pets[1]), token: maya)
            }
            try await compare(availability, []) { try await http.get("/api/products/9001/availability") }
            try await compare(registration, []) {
                try await http.post("/api/vendors", HTTP.registration("spans@petpro.example"))
            }
        }
    }

    @Test("are calls that its operation declares")
    func declared() async throws {
        try await TestPlatform.traced(by: InMemoryTracer()) { gateway, tracer in
            let http = gateway.http
            var tokens: [String?] = [nil]
            for name in ["maya", "marigold", "admin"] {
                tokens.append(try await http.signIn("\(name)@petpro.example"))
            }
            let document = gateway.gateway.openAPI
            for endpoint in gateway.gateway.endpoints where !endpoint.isStream {
                let method = endpoint.method.rawValue
                let operation = document["paths"]?[endpoint.path]?[method.lowercased()]
                let body = operation?["requestBody"]?["content"]?["application/json"]?["example"]
                for (id, token) in [("1", nil)] + tokens.map({ ("1", $0) }) + tokens.map({ ("9001", $0) }) {
                    _ = try await http.send(
                        HTTPMethod(rawValue: method), endpoint.path.replacing("{id}", with: id), body, token: token)
                }
            }
            let spans = Spans(all: tracer.finishedSpans)
            var seen: Set<String> = []
            for request in spans.requests {
                let endpoint = try #require(
                    gateway.gateway.endpoints.first {
                        $0.path == request.text("http.route")
                            && $0.method.rawValue == request.text("http.request.method")
                    })
                var allowed = Set(endpoint.calls.map(\.name))
                // Every operation may look at the token, whatever it does.
                allowed.insert(AuthAPIContract.validateToken.name)
                for call in spans.calls(of: request) where call.hasPrefix("APIGateway>") {
                    let name = String(call.split(separator: ".").last ?? "")
                    #expect(allowed.contains(name), "\(endpoint.id) calls \(name), which it does not declare")
                    if name != AuthAPIContract.validateToken.name { seen.insert("\(endpoint.id) \(name)") }
                }
            }
            // Most operations have been seen to call something.
            #expect(seen.count >= 25, "\(seen.sorted())")
        }
    }

    @Test("are shown to their own request only, whatever trace it names")
    func shown() async throws {
        try await TestPlatform.traced(by: BoundedTracer()) { gateway, _ in
            // The same trace each time, as a client could choose it that has seen another's.
            let request = """
                GET /api/products/9001/availability HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n
                """
            for _ in 0..<3 {
                let answer = try await gateway.exchange(request)
                let line = answer.split(separator: "\r\n").first { $0.hasPrefix("X-PetPro-Calls: ") }
                let calls = line?.dropFirst("X-PetPro-Calls: ".count).split(separator: ", ").map(String.init)
                #expect(calls == (try FlowDiagram("product-availability").path([]).calls))
                #expect(answer.contains("X-Trace-Id: 4bf92f3577b34da6a3ce929d0e0e4736"))
            }
        }
    }
}
