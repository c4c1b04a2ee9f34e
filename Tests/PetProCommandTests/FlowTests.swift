import NIOHTTP1
import Foundation
import PetProTesting
import Rookery
import Testing

/// A mermaid sequence diagram, as far as the flows use it.
private struct Diagram {
    indirect enum Step {
        case message(from: String, to: String, text: String, isReply: Bool)
        case alternatives([(label: String, steps: [Step])])
    }

    let participants: [String]
    private let steps: [Step]

    init(_ name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/flows/\(name).md")
        let text = try String(contentsOf: file, encoding: .utf8)
        var lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }[...]
        participants = lines.filter { $0.hasPrefix("participant ") }.map { String($0.dropFirst("participant ".count)) }
        lines = lines.drop { $0 != "sequenceDiagram" }.prefix { $0 != "```" }
        steps = Self.parse(&lines)
    }

    private static func parse(_ lines: inout ArraySlice<String>) -> [Step] {
        var steps: [Step] = []
        while let line = lines.first, line != "end", !line.hasPrefix("else") {
            lines.removeFirst()
            if line.hasPrefix("alt ") {
                var branches: [(String, [Step])] = [(String(line.dropFirst(4)), parse(&lines))]
                while let next = lines.first, next.hasPrefix("else") {
                    lines.removeFirst()
                    branches.append((next.dropFirst(4).trimmingCharacters(in: .whitespaces), parse(&lines)))
                }
                lines = lines.dropFirst()
                steps.append(.alternatives(branches.map { (label: $0.0, steps: $0.1) }))
            } else if let message = message(line) {
                steps.append(message)
            }
        }
        return steps
    }

    private static func message(_ line: String) -> Step? {
        for (arrow, isReply) in [("-->>", true), ("->>", false)] {
            guard let range = line.range(of: arrow), let colon = line.range(of: ": ") else { continue }
            return .message(
                from: String(line[..<range.lowerBound]), to: String(line[range.upperBound..<colon.lowerBound]),
                text: String(line[colon.upperBound...]), isReply: isReply)
        }
        return nil
    }

    /// The way through the diagram that takes the named alternatives: the calls between services, and the status.
    func path(_ branches: [String]) -> (calls: [String], status: Int?) {
        var calls: [String] = []
        var status: Int?
        func follow(_ steps: [Step]) {
            for step in steps {
                switch step {
                case .alternatives(let alternatives):
                    if let chosen = alternatives.first(where: { branches.contains($0.label) }) { follow(chosen.steps) }
                case .message(_, "Client", let text, true): status = Int(text.prefix(3))
                case .message("Client", _, _, _): break
                case .message(let from, let to, let text, false) where from != to:
                    calls.append("\(from)>\(to).\(text.prefix { $0 != "(" })")
                case .message: break
                }
            }
        }
        follow(steps)
        return (calls, status)
    }

    /// Every name of an alternative.
    var labels: Set<String> {
        func all(_ steps: [Step]) -> [String] {
            steps.flatMap { step -> [String] in
                guard case .alternatives(let alternatives) = step else { return [] }
                return alternatives.flatMap { [$0.label] + all($0.steps) }
            }
        }
        return Set(all(steps))
    }
}

@Suite("The flows are the diagrams'")
struct FlowTests {
    private func compare(_ answer: Answer, _ diagram: Diagram, _ branches: [String]) throws {
        let expected = diagram.path(branches)
        let calls = (answer.headers.first(name: "X-PetPro-Calls") ?? "").split(separator: ", ").map(String.init)
        #expect(calls == expected.calls, "\(branches)")
        #expect(answer.status == expected.status, "\(branches): \(answer.body.jsonText)")
        let known = Set(diagram.participants)
        #expect(
            calls.allSatisfy { call in
                call.split(whereSeparator: { ">.".contains($0) }).prefix(2).allSatisfy { known.contains(String($0)) }
            })
    }

    @Test("in every branch: who calls whom, what, in which order, and the status")
    func flows() async throws {
        let booking = try Diagram("booking-creation")
        #expect(booking.labels == ["Token Invalid", "Token Valid", "Vendor Available", "Vendor Unavailable"])
        let availability = try Diagram("product-availability")
        let registration = try Diagram("vendor-registration")
        #expect(availability.path([]).calls.count == 3 && registration.path([]).calls.count == 2)
        try await RunningPlatform.running { platform in
            let http = platform.http
            let vendor = try await http.makeVendor(capacity: 1)
            let maya = try await http.signIn("maya@petpro.example")
            func wish(_ pet: Int) -> JSONValue {
                [
                    "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)),
                    "petId": .int(Int64(pet)),
                    "start": .string(start(20)),
                ]
            }
            let pets = [1, try await http.makePet(maya)]
            try compare(
                try await http.post("/api/bookings", wish(pets[0]), token: "not.a.token"), booking, ["Token Invalid"])
            try compare(
                try await http.post("/api/bookings", wish(pets[0]), token: maya), booking,
                ["Token Valid", "Vendor Available"])
            try compare(
                try await http.post("/api/bookings", wish(pets[1]), token: maya), booking,
                ["Token Valid", "Vendor Unavailable"])
            try compare(try await http.get("/api/products/9001/availability"), availability, [])
            try compare(
                try await http.post(
                    "/api/vendors",
                    [
                        "user": ["email": "flow@petpro.example", "password": "correct horse", "name": "F"],
                        "vendor": ["businessName": "Flow", "type": "walking", "timeZone": "UTC", "currency": "JPY"],
                    ]), registration, [])
        }
    }
}
