import Foundation
import NIOCore
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("What is on the wire between the services", .serialized, .timeLimit(.minutes(2)))
struct CanaryTests {
    /// Words that a person would give: none of them may be read by whoever listens.
    private static let canaries = [
        "canary-email", "Canary Person", "Canary Kennels", "canary-password", "canary notes",
    ]

    /// Lets a person register, sign in, enter a pet and book, and returns the canaries that passed between the services.
    private func seen(_ arguments: [String]) async throws -> Set<String> {
        var found: Set<String> = []
        try await BrokenPlatform.running(arguments) { platform in
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
            let pet: JSONValue = ["name": "Rex", "species": "dog", "notes": "canary notes"]
            #expect(try await http.post("/api/pets", pet, token: token).status == 201)
            for proxy in proxies {
                let text = String(decoding: proxy.recorded.readableBytesView, as: UTF8.self)
                #expect(proxy.recorded.readableBytes > 1000)
                found.formUnion(Self.canaries.filter { text.contains($0) })
            }
        }
        return found
    }

    @Test("tells nothing about a person when they use TLS, and everything when they do not")
    func canaries() async throws {
        let certificates = NSTemporaryDirectory() + "certs-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: certificates) }
        let made = try await RunningProgram(RunningProgram.url("petpro"), ["certs", "dev", "--out", certificates])
        #expect(await made.exitCode() == 0)
        #expect(try await seen(["--tls", certificates]).isEmpty)
        // The same listener hears every one of them otherwise, so that its silence means something.
        #expect(try await seen([]) == Set(Self.canaries))
    }
}
