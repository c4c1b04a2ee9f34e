import ArgumentParser
import CommandSupport
import Foundation
import Logging
import Rookery

/// What a command shows to a service, and trusts: a service key, and certificates.
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

    @Option(
        help: ArgumentHelp(
            "Use TLS, and trust these authorities: a file of certificates as PEM, or system.", valueName: "file"))
    var tls: String?
    @Option(help: "The name in the service's certificate. Default: --service, or else the host.")
    var tlsName: String?
    @Option(help: ArgumentHelp("The client's own certificate as PEM.", valueName: "file"))
    var certificate: String?
    @Option(help: ArgumentHelp("The key of --certificate as PEM.", valueName: "file"))
    var certificateKey: String?

    private var path: String? {
        if let key { return key }
        let named = ProcessInfo.processInfo.environment[Self.variable] ?? ""
        return named.isEmpty ? nil : named
    }

    func validate() throws {
        if tls == nil, tlsName != nil || certificate != nil || certificateKey != nil {
            throw ValidationError("--tls-name, --certificate and --certificate-key need --tls")
        }
        if (certificate == nil) != (certificateKey == nil) {
            throw ValidationError("--certificate and --certificate-key go together")
        }
        if key != nil, service == nil {
            throw ValidationError(
                "--key needs --service, such as --service booking: a key is proven to one service only")
        }
    }

    /// The options that another command needs to reach the same service, with a space before them.
    var again: String {
        [
            ("--service", service), ("--key", key), ("--tls", tls), ("--certificate", certificate),
            ("--certificate-key", certificateKey),
        ]
        .map { name, value in value.map { " \(name) \($0)" } ?? "" }.joined()
    }

    /// Sets key and TLS in a client's configuration.
    func apply(_ configuration: inout ClientConfiguration) {
        configuration.tls.roots = tls
        configuration.tls.name = tls == nil ? nil : tlsName ?? service
        configuration.tls.certificate = certificate
        configuration.tls.key = certificateKey
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

    /// Creates a transport to an address, without guards and without the key.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the certificates cannot be used.
    func transport(_ address: Instance) throws -> TCPTransport {
        var configuration = ClientConfiguration(host: address.host, port: address.port)
        apply(&configuration)
        do {
            if let problem = configuration.tls.problem { throw problem }
            let encryption = try ClientEncryption(configuration.tls, logger: Logger.silence)
            return TCPTransport(address, configuration, encryption: encryption, logger: Logger.silence)
        } catch {
            throw CommandFailure("--\(error)")
        }
    }

    /// Creates a client of an address.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the files of the key or of the certificates cannot be used.
    func client(_ address: Instance) throws -> RookeryClient { try client(instances: [address]) }

    /// Creates a client of the instances of one service. Throws as ``client(_:)`` does.
    func client(instances: [Instance], logger: Logger = .silence) throws -> RookeryClient {
        let name = instances.map(\.description).joined(separator: ",")
        var configuration = ClientConfiguration(name, instances: .list(instances))
        apply(&configuration)
        do {
            return try RookeryClient(configuration, logger: logger)
        } catch let error as InvalidSetting {
            throw CommandFailure("--\(error)")
        }
    }

    /// A hint about a call that was refused, or nil for another error.
    static func hint(_ error: RemoteError) -> String? {
        switch error.code {
        case .serviceUnauthenticated?:
            "The service takes calls with a service key only: add --service NAME and, unless \(variable) is set, --key FILE. It does not tell why it "
                + "refuses a key: the key may be unknown, expired or revoked, or NAME may be another one. Its log tells."
        case .serviceForbidden?: "`petpro keys list` shows what each key allows."
        default: nil
        }
    }
}
