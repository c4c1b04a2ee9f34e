import Foundation
import SequenceDiagrams
import Testing

@Suite("A sequence diagram")
struct SequenceDiagramTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/flows")

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name + ".md"), encoding: .utf8)
    }

    private static func flow(_ name: String) throws -> Flow {
        try Flow(name, markdown: text(name), beyond: text(name + ".beyond"))
    }

    private static let names = ["booking-creation", "product-availability", "vendor-registration"]

    @Test("is written in Mermaid as it was read", arguments: names)
    func roundTrip(_ name: String) throws {
        for file in [name, name + ".beyond"] {
            let diagram = try #require(SequenceDiagram(markdown: try Self.text(file)))
            let again = try #require(
                SequenceDiagram(markdown: "# \(diagram.title)\n```mermaid\n\(diagram.mermaid)```\n"))
            #expect(again == diagram)
            func arrows(_ text: String) -> [String] {
                text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0.contains(">>") }
            }
            #expect(try arrows(diagram.mermaid) == arrows(Self.text(file)))
        }
    }

    @Test("has a way for each of its branches, and no two the same")
    func paths() throws {
        let booking = try Self.flow("booking-creation")
        #expect(
            booking.diagram.paths.map(\.branches) == [
                ["Token Invalid"], ["Token Valid", "Vendor Available"], ["Token Valid", "Vendor Unavailable"],
            ])
        #expect(booking.diagram.paths.map(\.status) == [401, 201, 409])
        #expect(
            booking.diagram.paths[1].arrows.map(\.description) == [
                "APIGateway>AuthService.validateToken", "APIGateway>BookingService.createBooking",
                "BookingService>VendorService.getVendorAvailability",
            ])
        for name in Self.names {
            let paths = try Self.flow(name).paths
            let ways = Set(paths.map { SequencePath(arrows: $0.arrows, status: $0.status) })
            #expect(ways.count == paths.count, "two branches of \(name) cannot be told apart")
        }
    }

    private func verdict(_ calls: [String], _ status: Int?) throws -> FlowVerdict {
        let arrows = calls.map { call -> SequencePath.Arrow in
            let parts = call.split { $0 == ">" || $0 == "." }.map(String.init)
            return SequencePath.Arrow(from: parts[0], to: parts[1], name: parts[2])
        }
        return FlowVerdict(
            SequencePath(arrows: arrows, status: status), operation: "POST /api/bookings",
            flows: try Self.names.map(Self.flow))
    }

    @Test("says which way a request took, or its first wrong arrow")
    func verdicts() throws {
        let validate = "APIGateway>AuthService.validateToken"
        let create = "APIGateway>BookingService.createBooking"
        let ask = "BookingService>VendorService.getVendorAvailability"
        #expect(
            try verdict([validate, create, ask], 201).description
                == "booking-creation, branch Token Valid, Vendor Available")
        #expect(
            try verdict([validate, create, ask], 409).description
                == "booking-creation, branch Token Valid, Vendor Unavailable")
        #expect(try verdict([], 400) == .follows(flow: "booking-creation", branches: ["Body Invalid"]))
        #expect(
            try verdict([validate, create, ask], 503)
                == .follows(
                    flow: "booking-creation",
                    branches: ["Token Sent", "Token Valid", "Vendor Asked", "Vendor Service Unavailable"]))
        // Two calls swapped: the first of them is wrong.
        #expect(
            try verdict([create, validate, ask], 201)
                == .differs(flow: "booking-creation", position: 1, expected: validate, actual: create))
        #expect(
            try verdict([validate, create, create, ask], 201)
                == .differs(flow: "booking-creation", position: 3, expected: ask, actual: create))
        #expect(
            try verdict([validate, create, ask], 200)
                == .differs(
                    flow: "booking-creation", position: 4, expected: "201 to the client", actual: "200 to the client"))
        #expect(
            try verdict([validate, create, ask], nil).description.hasSuffix(
                "arrow 4 is missing, expected 201 to the client"))
        let other = FlowVerdict(SequencePath(arrows: [], status: 200), operation: "GET /api/vendors", flows: [])
        #expect(other == .unknown)
    }

    @Test("is drawn with characters, each arrow between its lifelines")
    func text() {
        let diagram = SequenceDiagram(
            title: "", participants: ["Client", "Gate", "Shop"],
            steps: [
                .message(.init(from: "Client", to: "Gate", text: "GET /")),
                .message(.init(from: "Gate", to: "Shop", text: "look()")),
                .message(.init(from: "Shop", to: "Gate", text: "ok, 1.0 ms", isReply: true)),
                .message(.init(from: "Gate", to: "Client", text: "200", isReply: true)),
            ])
        #expect(
            TextDiagram(diagram, width: 18).lines == [
                "Client            Gate              Shop",
                "│                 │                 │",
                "├─ GET / ────────▶│                 │",
                "│                 ├─ look() ───────▶│",
                "│                 │◀ ok, 1.0 ms ┄┄┄┄┤",
                "│◀ 200 ┄┄┄┄┄┄┄┄┄┄┄┤                 │",
            ])
    }
}
