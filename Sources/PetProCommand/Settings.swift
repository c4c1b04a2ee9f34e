import ArgumentParser
import Configuration
import Foundation
import PetProContracts
import Rookery
import SystemPackage

/// The settings of the services, and of their calls to each other: from the environment, then from a file.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A JSON file of settings, such as {\"rookery\":{\"client\":{\"timeout\":\"3s\"}}}. The environment goes first.",
            valueName: "file"))
    var config: String?

    /// What the settings are read from.
    func reader() async throws -> ConfigReader {
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
        if let config {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(config)))
            } catch {
                throw CommandFailure(message: "--config: cannot read \(config): \(error)")
            }
        }
        return ConfigReader(providers: providers)
    }

    /// Reads the settings of every service's destination. Throws an error that names the setting that is wrong.
    static func destinations(_ reader: ConfigReader) async throws -> [ServiceName: DestinationConfiguration] {
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

    /// Reads the settings of every service's server. Throws an error that names the setting that is wrong.
    static func servers(_ reader: ConfigReader) async throws -> [ServiceName: ServerConfiguration] {
        var defaults = ServerConfiguration()
        // A write waits for the disk, a login for its hash, and everybody for a writer that was stopped with the database's
        // lock in its hand. Two thousand at once are done within their five seconds; more are not.
        defaults.shedding.floor = .milliseconds(250)
        defaults.shedding.minimum = 2000
        defaults.shedding.initial = 2000
        var servers: [ServiceName: ServerConfiguration] = [:]
        for service in ServiceName.allCases {
            var own = defaults
            own.name = service.rawValue
            servers[service] = try await ServerConfiguration(reader, service: service.rawValue, defaults: own)
        }
        return servers
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
