import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("The console's events", .timeLimit(.minutes(1)))
struct EventsViewTests {
    @Test("are the log of each service, and how far each subscriber of it is")
    func logs() async throws {
        try await RunningPlatform.running { platform in
            let http = HTTP(url: platform.http.url)
            let vendor = try await http.makeVendor(capacity: 1)
            try await eventually {
                let services = try await http.get("/console/api/events").body["services"]
                let log = services?["vendor"]
                let made = log?["newest"]?.arrayValue?.first { $0["type"] == "vendor.created" }
                let auth = log?["subscribers"]?.arrayValue?.first { $0["service"] == "auth" }
                return made?["about"] == .string("vendor-\(vendor.id)") && auth?["lacking"] == 0
                    && auth?["blocked"] == 0 && auth?["deadLetters"] == 0 && services?["product"]?["error"] == nil
                    && (auth?["cursor"]?.intValue ?? 0) > 0
            }
        }
    }
}
