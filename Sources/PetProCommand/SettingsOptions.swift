import APIGateway
import ArgumentParser
import CommandSupport
import Configuration
import Foundation
import PetProContracts
import Rookery
import SystemPackage
import PetProAssembly

/// Reads the settings of the services, of their calls, and of the gateway, from the environment and a file.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A JSON file of settings, such as {\"rookery\":{\"client\":{\"timeout\":\"3s\"}}}. The environment wins.",
            valueName: "file"))
    var config: String?

    /// Reads the settings. The environment takes precedence over the file.
    ///
    /// Throws ``CommandSupport/CommandFailure`` that names the file, the invalid setting or the unknown setting.
    func read() async throws -> Settings {
        let log = SettingsLog()
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
        var keys: [String] = []
        if let config {
            keys = Self.keys(of: try Self.object(config), under: "")
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(config)))
            } catch {
                throw CommandFailure("--config \(config): \(error)")
            }
        }
        let reader = ConfigReader(providers: providers, accessReporter: log)
        var settings: Settings
        do {
            settings = try await Settings(reader, log)
        } catch let error as InvalidSetting {
            throw CommandFailure("\(error)")
        }
        let variables = ProcessInfo.processInfo.environment.keys.filter { name in
            (name.hasPrefix("ROOKERY_") || name.hasPrefix("PETPRO_")) && !Self.otherVariables.contains(name)
        }
        let unknown =
            log.unknown(keys).map { ($0.key, $0.like, " in \(config ?? "")") }
            + log.unknown(variables: variables.sorted()).map { ($0.key, $0.like, " in the environment") }
        if let (name, like, place) = unknown.first {
            throw CommandFailure(
                "unknown setting \(name)\(place)" + (like.map { "; did you mean \($0)?" } ?? "")
                    + "\n`petpro up --print-config` shows all settings.")
        }
        return settings
    }

    /// Environment variables that stand for options of the command line, not for settings.
    private static let otherVariables = Set(
        ServiceName.allCases.map { "PETPRO_\($0.rawValue.uppercased())" } + [
            Users.CreateAdmin.passwordVariable, DatabaseOptions.variable,
        ])

    private static func object(_ path: String) throws -> JSONObject {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("--config \(path): the file does not exist, or cannot be read")
        }
        do {
            guard case .object(let object) = try JSONValue(parsing: data) else {
                throw CommandFailure("--config \(path): must be a JSON object")
            }
            return object
        } catch let error as MalformedValue {
            throw CommandFailure("--config \(path): is not JSON: \(error)")
        }
    }

    /// Returns the dotted keys of all values that are not objects, such as `rookery.client.timeout`.
    private static func keys(of object: JSONObject, under prefix: String) -> [String] {
        object.flatMap { key, value -> [String] in
            if case .object(let inner) = value { return keys(of: inner, under: prefix + key + ".") }
            return [prefix + key]
        }
    }
}
