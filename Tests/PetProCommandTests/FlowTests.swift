import NIOHTTP1
import Foundation
import PetProTesting
import Rookery
import Testing

@Suite("The flows are the diagrams'")
struct FlowTests {
    private func compare(_ answer: Answer, _ diagram: FlowDiagram, _ branches: [String]) throws {
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
        let booking = try FlowDiagram("booking-creation")
        #expect(booking.labels == ["Token Invalid", "Token Valid", "Vendor Available", "Vendor Unavailable"])
        let availability = try FlowDiagram("product-availability")
        let registration = try FlowDiagram("vendor-registration")
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
