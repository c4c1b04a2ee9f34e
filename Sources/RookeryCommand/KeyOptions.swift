import ArgumentParser
import CommandSupport
import Foundation
import Logging
import Rookery

/// The service key that a command shows.
struct KeyOptions: ParsableArguments {
    /// The environment variable with the path of the key's file.
    static let variable = "ROOKERY_KEY"

    @Option(
        help: ArgumentHelp(
            "The file of the service key to show. Default: the file that \(variable) names, if it is set.",
            valueName: "file"))
    var key: String?
    @Option(
        help: ArgumentHelp(
            "The name that the service gives itself. A key is proven to a service of this name only.", valueName: "name"
        ))
    var service: String?

    private var path: String? {
        if let key { return key }
        let named = ProcessInfo.processInfo.environment[Self.variable] ?? ""
        return named.isEmpty ? nil : named
    }

    func validate() throws {
        if key != nil, service == nil {
            throw ValidationError(
                "--key needs --service, such as --service booking: a key is proven to one service only")
        }
    }

    /// Sets the key in a client's configuration.
    func apply(_ configuration: inout ClientConfiguration) {
        guard let service else { return }
        configuration.name = service
        configuration.key = path
    }

    /// Reads the key. Nil if there is none to show. Throws ``CommandSupport/CommandFailure`` if it cannot be used.
    func shown() throws -> ServiceKey? {
        guard service != nil, let path else { return nil }
        do {
            return try ServiceKeyFile(path, logger: Logger.silence).key
        } catch {
            throw CommandFailure("--\(error)")
        }
    }

    /// Creates a client of an address.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the file of the key cannot be used.
    func client(_ address: Instance) throws -> RookeryClient {
        var configuration = ClientConfiguration(host: address.host, port: address.port)
        apply(&configuration)
        do {
            return try RookeryClient(configuration, logger: Logger.silence)
        } catch let error as InvalidSetting {
            throw CommandFailure("--\(error)")
        }
    }

    /// A hint for somebody whose call was refused, or nil for another error.
    static func hint(_ error: RemoteError) -> String? {
        switch error.code {
        case .serviceUnauthenticated?:
            "The service takes calls with a service key only: add --key FILE --service NAME. It does not tell why it "
                + "refuses a key: the key may be unknown, expired or revoked, or NAME may be another one. Its log tells."
        case .serviceForbidden?: "`petpro keys list` shows what each key allows."
        default: nil
        }
    }
}
