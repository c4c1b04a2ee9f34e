import Foundation
import Logging
import PetProAssembly
import PetProContracts
import Rookery
import RookeryCore
import Testing

@Suite("The table of what each service key allows")
struct KeyTableTests {
    /// What each holder's key allows, written once more: whoever changes the table has to say so twice.
    private static let expected: [KeyHolder: Set<String>] = [
        .gateway: [
            "auth/validate-token", "auth/create-user", "auth/delete-user", "auth/erase-user", "auth/change-password",
            "auth/login",
            "auth/refresh-token",
            "auth/logout", "auth/get-user", "auth/get-signing-keys", "auth/$rookery.health", "booking/get-booking",
            "booking/create-booking",
            "booking/check-availability", "booking/list-bookings", "booking/update-booking-status",
            "booking/create-pet", "booking/list-pets", "booking/$rookery.health", "vendor/create-vendor",
            "vendor/get-vendor-by-id", "vendor/get-vendor-by-user", "vendor/list-vendors", "vendor/update-vendor",
            "vendor/set-vendor-hours", "vendor/add-service", "vendor/set-vendor-status", "vendor/$rookery.health",
            "product/get-product", "product/check-inventory", "product/list-products", "product/create-product",
            "product/adjust-inventory", "product/reserve-inventory", "product/release-reservation",
            "product/watch-inventory-changes", "product/$rookery.health", "auth/read-spans", "booking/read-spans",
            "vendor/read-spans", "product/read-spans", "auth/read-outlines", "booking/read-outlines",
            "vendor/read-outlines", "product/read-outlines", "auth/describe-event-log", "booking/describe-event-log",
            "vendor/describe-event-log", "product/describe-event-log", "auth/replay-dead-letter",
            "booking/replay-dead-letter", "vendor/replay-dead-letter", "product/replay-dead-letter",
            "auth/set-fault", "booking/set-fault", "vendor/set-fault", "product/set-fault",
        ],
        .auth: [
            "vendor/get-vendor-by-user", "vendor/user.deleted", "vendor/$rookery.health", "booking/user.deleted",
            "booking/$rookery.health", "product/user.deleted", "product/$rookery.health",
        ],
        .booking: [
            "vendor/get-vendor-availability", "vendor/booking.created", "vendor/booking.status-changed",
            "vendor/$rookery.health",
        ],
        .vendor: [
            "auth/vendor.created", "auth/$rookery.health", "booking/vendor.status-changed",
            "booking/$rookery.health", "product/vendor.status-changed", "product/$rookery.health",
        ],
        .product: [],
    ]

    @Test("is this one")
    func table() {
        for holder in KeyHolder.allCases where holder != .operator {
            #expect(Set(holder.scopes.map(\.description)) == Self.expected[holder])
        }
        #expect(KeyHolder.operator.scopes == [.everything])
    }

    @Test("holds at every service for every command: nothing more gets to a handler")
    func everyCell() async throws {
        let folder = KeyFolder(NSTemporaryDirectory() + "keys-\(UUID())")
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        #expect(try folder.makeIfAbsent(environment: "test", at: Instant(milliseconds: 0)))
        let services: [(ServiceName, RookeryService, ContractDescriptor)] = [
            (.auth, AuthAPIContract.service(AuthAPIStub()), AuthAPIContract.descriptor),
            (.booking, BookingAPIContract.service(BookingAPIStub()), BookingAPIContract.descriptor),
            (.vendor, VendorAPIContract.service(VendorAPIStub()), VendorAPIContract.descriptor),
            (.product, ProductAPIContract.service(ProductAPIStub()), ProductAPIContract.descriptor),
        ]
        let quiet = Logger(label: "keys") { _ in SwiftLogNoOpLogHandler() }
        var cells = 0
        for (name, service, contract) in services {
            var configuration = ServerConfiguration(port: 0)
            configuration.name = name.rawValue
            configuration.keys = folder.keyring
            // As in a process of its own, for the console in another one.
            let telemetry = TelemetryAPIContract.service(TelemetryAPIStub())
            let events = EventLogAPIContract.service(EventLogAPIStub())
            let faults = FaultAPIContract.service(FaultAPIStub())
            let server = try RookeryServer(configuration, services: service, telemetry, events, faults, logger: quiet)
            let shared = TelemetryAPIContract.commands + EventLogAPIContract.commands + FaultAPIContract.commands
            let patterns = (contract.commands + shared).map {
                ($0.wireName, $0.pattern)
            }
            let own: [(String, Pattern)] = [
                ("$rookery.health", "$rookery.health"), ("$rookery.describe", "$rookery.describe"),
            ]
            cells += try await withRookeryServer(server) { server in
                let address = try await server.listeningAddress
                var cells = 0
                for holder in [nil] + KeyHolder.allCases.map(Optional.some) {
                    var client = try ClientConfiguration(name.rawValue, at: "\(address)")
                    client.key = holder.map { folder.key(of: $0.rawValue) }
                    try await withRookeryClient(client, logger: quiet) { client in
                        for (command, pattern) in patterns + own {
                            let code = await Self.code(client, pattern)
                            let isAllowed =
                                holder == .operator
                                || holder.map { Self.expected[$0]?.contains("\(name)/\(command)") ?? false } ?? false
                            let refusals = ["SERVICE_UNAUTHENTICATED", "SERVICE_FORBIDDEN"]
                            if isAllowed {
                                #expect(!refusals.contains(code), "\(holder?.rawValue ?? "nobody") \(name) \(command)")
                            } else {
                                let refusal = holder == nil ? refusals[0] : refusals[1]
                                #expect(code == refusal, "\(holder?.rawValue ?? "nobody") \(name) \(command)")
                            }
                            cells += 1
                        }
                    }
                }
                return cells
            }
        }
        // Six holders and a caller without a key, at each command of four services and the seven that each of these servers has.
        let commands = services.reduce(0) { $0 + $1.2.commands.count }
        #expect(commands > 30 && cells == 7 * (commands + 7 * services.count))
    }

    /// The code of the answer to an empty message; empty for a reply.
    private static func code(_ client: RookeryClient, _ pattern: Pattern) async -> String {
        do {
            _ = try await client.send(pattern, [:])
            return ""
        } catch let error as RemoteError {
            return error.code?.rawValue ?? ""
        } catch {
            return "\(error)"
        }
    }
}
