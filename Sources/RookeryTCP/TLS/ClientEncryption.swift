import Foundation
package import Logging
import NIOCore
import NIOSSL
import RookeryCalls
package import RookeryPolicies
import X509

/// The TLS of a client's connections, with certificates from files that may change while it runs.
package final class ClientEncryption: Sendable {
    private struct Material: Sendable {
        let context: NIOSSLContext
        let roots: [Certificate]
    }

    /// New connections use changed files after at most this time: 500 ms.
    private static let interval: TimeAmount = .milliseconds(500)

    private let settings: ClientTLS
    private let files: WatchedFile<Material>

    /// Reads the files. Nil without TLS.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting`` if a file cannot be used.
    package init?(_ settings: ClientTLS, logger: Logger) throws(InvalidSetting) {
        guard let roots = settings.roots else { return nil }
        self.settings = settings
        let ofSystem = roots == "system"
        let paths = (ofSystem ? [] : [roots]) + [settings.certificate, settings.key].compactMap { $0 }
        do {
            files = try WatchedFile(paths, "certificates", logger: logger) { contents in
                try Self.material(contents, ofSystem: ofSystem)
            }
        } catch {
            throw InvalidSetting("tls", "usable files; \(paths.joined(separator: ", ")): \(error)")
        }
    }

    private static func material(_ contents: [Data], ofSystem: Bool) throws -> Material {
        let own = contents.dropFirst(ofSystem ? 0 : 1)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // `PeerCheck` checks the server's certificate, its name included.
        configuration.certificateVerification = .noHostnameVerification
        if let certificate = own.first, let key = own.last, own.count == 2 {
            configuration.certificateChain = try TLSFiles.certificates(certificate).map { .certificate($0) }
            configuration.privateKey = .privateKey(try TLSFiles.key(key))
        }
        let context: NIOSSLContext
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFiles.Unusable(description: "the certificate and the key do not fit together: \(error)")
        }
        return Material(
            context: context, roots: ofSystem ? try TLSFiles.system() : try TLSFiles.authorities(contents[0]))
    }

    /// Whether the client shows a certificate. A server refuses one only after the client's handshake is complete.
    var hasCertificate: Bool { settings.certificate != nil }

    /// The handler of a new connection to a host. `refused` is called when the server's certificate is refused.
    ///
    /// - Throws: The error of NIOSSL for a name that cannot be one.
    func handler(
        for host: String, refused: @escaping @Sendable (PeerCheck.Fault) -> Void
    ) throws -> NIOSSLClientHandler {
        files.reload(atMostEvery: Self.interval)
        let material = files.current.value
        let name = settings.name ?? host
        let check = PeerCheck(roots: material.roots, purpose: .server(name))
        return try NIOSSLClientHandler(
            context: material.context, serverHostname: PeerCheck.isAddress(name) ? nil : name
        ) { chain, promise in
            promise.completeWithTask {
                guard let fault = await check.fault(of: chain) else { return .certificateVerified }
                refused(fault)
                return .failed
            }
        }
    }
}
