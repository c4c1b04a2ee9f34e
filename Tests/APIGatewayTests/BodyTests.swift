import PetProContracts
import PetProTesting
import Rookery
import Testing

@testable import APIGateway

@Suite("Bodies")
struct BodyTests {
    private static let bodies: [any DescribedMessage.Type] = [
        RegisterBody.self, LoginBody.self, RefreshBody.self, RegisterVendorBody.self, VendorBody.self,
        VendorChangesBody.self, CreateBookingBody.self, CancelBookingBody.self, BookingStatusBody.self, PetBody.self,
        HoursBody.self, ServiceBody.self, VendorStatusBody.self, ProductBody.self, InventoryBody.self,
        ReservationBody.self,
    ]

    private static func violations(_ type: any DescribedMessage.Type, _ body: JSONValue) throws -> [String] {
        do {
            _ = try type.decode(json: body.jsonText)
            return []
        } catch let error as InvalidPayload {
            return error.violations.map(\.path)
        }
    }

    @Test("are taken at the bounds that their schemas state, and refused beyond them, at that place", arguments: bodies)
    func bounds(_ type: any DescribedMessage.Type) throws {
        let schema = type.schema.json
        #expect(try Self.violations(type, BodySample.largest(schema, unique: "a")) == [], "the largest")
        let excesses = BodySample.excesses(schema, unique: "a")
        #expect(!excesses.isEmpty)
        for excess in excesses {
            let paths = try Self.violations(type, excess.body)
            #expect(
                paths.contains { $0.hasPrefix(excess.path) },
                "\(excess.path): \(excess.kind) gives \(paths)")
        }
    }

    @Test("are all the ones that the platform takes")
    func complete() async throws {
        let schemas = Set(Self.bodies.map { $0.schema.json.jsonText })
        try await TestPlatform().serving { gateway in
            let taken = gateway.gateway.endpoints.compactMap { $0.body?.json.jsonText }
            #expect(taken.count > 10)
            for schema in taken { #expect(schemas.contains(schema), "\(schema)") }
        }
    }
}
