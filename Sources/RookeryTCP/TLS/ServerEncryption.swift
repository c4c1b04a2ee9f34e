import Foundation
package import Logging
import NIOCore
package import NIOSSL
import RookeryCalls
package import RookeryPolicies
import X509

/// The TLS of a server, with its certificate from files that may change while it runs.
package final class ServerEncryption: Sendable {
    private struct Material: Sendable {
        let context: NIOSSLContext
        /// The authorities of clients; nil if they need no certificate.
        let clients: [Certificate]?
    }

    private let files: WatchedFile<Material>

    /// Reads the files. Nil without TLS.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting`` if a file cannot be used.
    package init?(_ settings: ServerTLS, logger: Logger) throws(InvalidSetting) {
        guard let certificate = settings.certificate, let key = settings.key else { return nil }
        let paths = [certificate, key] + (settings.clients.map { [$0] } ?? [])
        do {
            files = try WatchedFile(paths, "certificate", logger: logger) { try Self.material($0) }
        } catch {
            throw InvalidSetting("tls", "usable files; \(paths.joined(separator: ", ")): \(error)")
        }
    }

    private static func material(_ contents: [Data]) throws -> Material {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try TLSFiles.certificates(contents[0]).map { .certificate($0) },
            privateKey: .privateKey(try TLSFiles.key(contents[1])))
        configuration.minimumTLSVersion = .tlsv12
        let clients = try contents.count > 2 ? TLSFiles.authorities(contents[2]) : nil
        // Requires a certificate of the client. `PeerCheck` checks it.
        if clients != nil { configuration.certificateVerification = .noHostnameVerification }
        do {
            return Material(context: try NIOSSLContext(configuration: configuration), clients: clients)
        } catch {
            throw TLSFiles.Unusable(description: "the certificate and the key do not fit together: \(error)")
        }
    }

    /// The handler of a new connection. `refused` is called on the loop when the client's certificate is refused.
    package func handler(refused: @escaping @Sendable (PeerCheck.Fault) -> Void) -> NIOSSLServerHandler {
        let material = files.current.value
        guard let clients = material.clients else { return NIOSSLServerHandler(context: material.context) }
        let check = PeerCheck(roots: clients, purpose: .client)
        return NIOSSLServerHandler(context: material.context) { chain, promise in
            promise.completeWithTask {
                guard let fault = await check.fault(of: chain) else { return .certificateVerified }
                refused(fault)
                return .failed
            }
        }
    }

    /// Reads the files again every half second, until the task is cancelled. New connections use what they then have.
    package func watch() async {
        while !Task.isCancelled {
            // Only cancellation ends the sleep early, and the loop checks for it.
            try? await Task.sleep(for: .milliseconds(500))
            files.reload()
        }
    }
}
