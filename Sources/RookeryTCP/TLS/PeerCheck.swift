import Foundation
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// Checks the certificates that a peer shows, and says what is wrong with them.
///
/// BoringSSL says only that a check failed. An operator has to know whether a certificate is expired, names another
/// host, or comes from an unknown authority.
package struct PeerCheck: Sendable {
    /// Why a peer's certificate is refused.
    package enum Fault: Error, Hashable, CustomStringConvertible {
        case expired(String)
        case notYetValid(String)
        case wrongName(expected: String)
        case unknownAuthority
        case wrongUse
        case malformed
        case tooLong(limit: Int)

        package var description: String {
            switch self {
            case .expired(let at): "its certificate expired at \(at)"
            case .notYetValid(let from): "its certificate is not valid before \(from)"
            case .wrongName(let expected): "its certificate is not for \(expected)"
            case .unknownAuthority: "its certificate comes from an authority that is not trusted here"
            case .wrongUse: "its certificate is not meant for this side of a connection"
            case .tooLong(let limit): "it shows more than \(limit) certificates"
            case .malformed: "its certificate cannot be read"
            }
        }
    }

    /// What a certificate is for.
    enum Purpose: Sendable {
        /// A server of this name or IP address.
        case server(String)
        case client
    }

    private let roots: [Certificate]
    private let purpose: Purpose

    /// Checks against these authorities.
    init(roots: [Certificate], purpose: Purpose) {
        self.roots = roots
        self.purpose = purpose
    }

    /// The most certificates that a peer may show. The verifier tries every order of them, so a long chain would keep it
    /// busy for ever.
    private static let longestChain = 4

    /// Returns what is wrong with the certificates, the peer's own first. Nil if they may be trusted.
    func fault(of chain: [NIOSSLCertificate]) async -> Fault? {
        if chain.count > Self.longestChain { return .tooLong(limit: Self.longestChain) }
        guard let certificates = try? chain.map({ try Certificate(derEncoded: $0.toDERBytes()) }),
            let leaf = certificates.first
        else { return .malformed }
        return await fault(of: leaf, Array(certificates.dropFirst()))
    }

    /// Returns what is wrong with a certificate. `others` may be between it and its authority.
    func fault(of leaf: Certificate, _ others: [Certificate]) async -> Fault? {
        let now = Date()
        if leaf.notValidAfter < now { return .expired(leaf.notValidAfter.formatted(.iso8601)) }
        if leaf.notValidBefore > now { return .notYetValid(leaf.notValidBefore.formatted(.iso8601)) }
        let uses: ExtendedKeyUsage?
        do {
            uses = try leaf.extensions.extendedKeyUsage
        } catch {
            return .wrongUse
        }
        let between = CertificateStore(others)
        // The path first: a name in a certificate that no authority issued means nothing.
        var path = Verifier(rootCertificates: CertificateStore(roots)) { RFC5280Policy() }
        guard case .validCertificate = await path.validate(leaf: leaf, intermediates: between) else {
            return .unknownAuthority
        }
        switch purpose {
        case .client:
            return uses.map { $0.contains(.clientAuth) || $0.contains(.any) } ?? true ? nil : .wrongUse
        case .server(let name):
            if let uses, !uses.contains(.serverAuth), !uses.contains(.any) { return .wrongUse }
            let isAddress = Self.isAddress(name)
            var named = Verifier(rootCertificates: CertificateStore(roots)) {
                RFC5280Policy()
                ServerIdentityPolicy(serverHostname: isAddress ? nil : name, serverIP: isAddress ? name : nil)
            }
            guard case .validCertificate = await named.validate(leaf: leaf, intermediates: between) else {
                return .wrongName(expected: name)
            }
            return nil
        }
    }

    /// Whether a name is an IP address. Such a name is not sent in the TLS handshake.
    static func isAddress(_ name: String) -> Bool { (try? SocketAddress(ipAddress: name, port: 0)) != nil }
}
