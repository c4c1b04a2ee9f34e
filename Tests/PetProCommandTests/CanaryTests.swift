import Foundation
import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("What is on the wire between the services, and in their files", .serialized, .timeLimit(.minutes(2)))
struct CanaryTests {
    /// Words that a person would give: no listener and no reader of the databases may see one.
    private static let canaries = [
        "canary-email", "Canary Person", "Canary Kennels", "canary-password", "canary notes", "Canary Rex",
        "canary reason",
    ]
    /// A password is in no file in any case.
    private static let storable = Set(canaries).subtracting(["canary-password"])

    /// Lets a person register, sign in, enter a pet, book and cancel. Returns the canaries that passed between the services,
    /// and those that are in the files of the databases.
    private func seen(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> (wire: Set<String>, files: Set<String>) {
        var found: Set<String> = []
        var files: Set<String> = []
        try await BrokenPlatform.running(arguments, environment: environment) { platform in
            let proxies = [platform.auth, platform.booking, platform.vendor]
            for proxy in proxies { proxy.record() }
            let http = platform.http
            let account: JSONValue = [
                "email": "canary-email@petpro.example", "password": "canary-password", "name": "Canary Person",
            ]
            #expect(try await http.post("/api/auth/register", account).status == 201)
            let vendor: JSONValue = [
                "user": ["email": "kennels@petpro.example", "password": "canary-password", "name": "Canary Person"],
                "vendor": ["businessName": "Canary Kennels", "type": "boarding", "timeZone": "UTC", "currency": "EUR"],
            ]
            #expect(try await http.post("/api/vendors", vendor).status == 201)
            let signedIn = try await http.make(
                "/api/auth/login", ["email": "canary-email@petpro.example", "password": "canary-password"])
            let token = try need(signedIn["accessToken"]?.stringValue)
            let pet: JSONValue = ["name": "Canary Rex", "species": "dog", "notes": "canary notes"]
            var wish = platform.wish(0)
            guard case .object(var members) = wish else { throw NotThere() }
            members["petId"] = try need(try await http.make("/api/pets", pet, token: token)["id"])
            members["notes"] = "canary notes"
            wish = .object(members)
            let booking = try await http.send(.POST, "/api/bookings", wish, token: token, key: "canary")
            #expect(booking.status == 201, "\(booking.body)")
            let cancellation: JSONValue = ["reason": "canary reason"]
            let cancelled = try await http.post(
                "/api/bookings/\(booking.body["id"]?.intValue ?? 0)/cancel", cancellation, token: token)
            #expect(cancelled.status == 200, "\(cancelled.body)")
            for proxy in proxies {
                let text = String(decoding: proxy.recorded.readableBytesView, as: UTF8.self)
                #expect(proxy.recorded.readableBytes > 1000)
                found.formUnion(Self.canaries.filter { text.contains($0) })
            }
            let check = try await RunningProgram(
                RunningProgram.url("petpro"), ["audit", "verify", "--data", platform.data])
            #expect(await check.exitCode() == 0)
            for file in try FileManager.default.subpathsOfDirectory(atPath: platform.data) {
                guard let bytes = FileManager.default.contents(atPath: "\(platform.data)/\(file)") else { continue }
                files.formUnion(Self.canaries.filter { bytes.range(of: Data($0.utf8)) != nil })
            }
        }
        return (found, files)
    }

    private struct NotThere: Error {}

    @Test("tells nothing about a person, with TLS or with encrypted fields; without either it tells everything")
    func canaries() async throws {
        let certificates = NSTemporaryDirectory() + "certs-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: certificates) }
        let made = try await RunningProgram(RunningProgram.url("petpro"), ["certs", "dev", "--out", certificates])
        #expect(await made.exitCode() == 0)
        let encrypted = try await seen(["--tls", certificates])
        #expect(encrypted.wire.isEmpty && encrypted.files.isEmpty)
        let usual = try await seen([])
        #expect(usual.wire.isEmpty && usual.files.isEmpty)
        // The same listener hears every one of them otherwise, and the same files have them, so that silence means something.
        let plain = try await seen(
            ["--plain-data"],
            environment: ["ROOKERY_CLIENT_FIELDS_MODE": "never", "ROOKERY_SERVER_FIELDS_MODE": "never"])
        #expect(plain.wire == Set(Self.canaries) && plain.files == Self.storable)
    }
}
