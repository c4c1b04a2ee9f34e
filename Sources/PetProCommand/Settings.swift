import ArgumentParser
import Configuration
import Foundation
import PetProContracts
import Rookery
import SystemPackage

/// The settings of the services' calls to each other: from the environment, then from a file.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A JSON file of settings, such as {\"rookery\":{\"client\":{\"timeout\":\"3s\"}}}. The environment goes first.",
            valueName: "file"))
    var config: String?

    /// Reads the settings of every service's destination. Throws an error that names the setting that is wrong.
    func destinations() async throws -> [ServiceName: DestinationConfiguration] {
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
        if let config {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(config)))
            } catch {
                throw CommandFailure(message: "--config: cannot read \(config): \(error)")
            }
        }
        let reader = ConfigReader(providers: providers)
        var defaults = DestinationConfiguration()
        // A write may wait for another instance that was stopped in the middle of its own, and is not done sooner for being
        // sent again: an attempt gets half of the time there is.
        defaults.retry.attemptTimeout = defaults.timeout / 2
        // As many as are done in that time.
        defaults.concurrency.maximumCalls = 4096
        var destinations: [ServiceName: DestinationConfiguration] = [:]
        for service in ServiceName.allCases {
            destinations[service] = try await DestinationConfiguration(
                reader, destination: service.rawValue, commands: Self.commands(of: service).map(\.wireName),
                defaults: defaults)
        }
        return destinations
    }

    private static func commands(of service: ServiceName) -> [Command] {
        switch service {
        case .auth: AuthAPIContract.commands
        case .booking: BookingAPIContract.commands
        case .vendor: VendorAPIContract.commands
        case .product: ProductAPIContract.commands
        }
    }
}
