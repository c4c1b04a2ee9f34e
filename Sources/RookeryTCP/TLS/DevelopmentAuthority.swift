import Crypto
package import Foundation
import NIOCore
import SwiftASN1
import X509

/// A certificate authority for development and tests. A holder of its key can pose as any peer, so it is not for production.
package struct DevelopmentAuthority: Sendable {
    /// A certificate with its key, as PEM.
    package struct Issued: Sendable {
        package let certificate: String
        package let key: String
    }

    private let key: Certificate.PrivateKey
    private let certificate: Certificate
    private let now: Date

    /// The authority's certificate and key, as PEM.
    package let issued: Issued

    /// Makes an authority with a new key, valid for ten years.
    package init(name: String = "PetPro development authority", at now: Date = Date()) throws {
        self.now = now
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        self.key = key
        let subject = try DistinguishedName { CommonName(name) }
        certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now - 3600, notValidAfter: now + 3650 * 86_400, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }, issuerPrivateKey: key)
        issued = Issued(
            certificate: try certificate.serializeAsPEM().pemString, key: try key.serializeAsPEM().pemString)
    }

    /// Takes over an authority from its certificate and key, as PEM. Throws if they cannot be read.
    package init(certificate: String, key: String, at now: Date = Date()) throws {
        self.now = now
        self.certificate = try Certificate(pemEncoded: certificate)
        self.key = try Certificate.PrivateKey(pemEncoded: key)
        issued = Issued(certificate: certificate, key: key)
    }

    /// Issues a certificate for names and IP addresses, good for servers and clients, valid for `lifetime` from `start`.
    /// By default it is valid at once, for 90 days.
    package func issue(
        _ names: [String], from start: Date? = nil, lifetime: TimeInterval = 90 * 86_400
    ) throws -> Issued {
        let start = start ?? now - 3600
        let own = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let alternatives = names.map { name -> GeneralName in
            guard let bytes = (try? SocketAddress(ipAddress: name, port: 0))?.addressBytes else {
                return .dnsName(name)
            }
            return .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
        }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: own.publicKey, notValidBefore: start,
            notValidAfter: start + lifetime, issuer: certificate.subject,
            subject: try DistinguishedName { CommonName(names.first ?? "none") }, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(alternatives)
                AuthorityKeyIdentifier(
                    keyIdentifier: try self.certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
            }, issuerPrivateKey: key)
        return Issued(
            certificate: try certificate.serializeAsPEM().pemString, key: try own.serializeAsPEM().pemString)
    }
}
