import Foundation
import NIOSSL
import SwiftASN1
import X509

/// Reads certificates and keys as PEM.
enum TLSFiles {
    /// A file has not what it should have.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    static func certificates(_ data: Data) throws -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(Array(data))
            if !certificates.isEmpty { return certificates }
        } catch {
            // Falls through: the reasons of the library do not help.
        }
        throw Unusable(description: "it has no certificate as PEM")
    }

    static func key(_ data: Data) throws -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(bytes: Array(data), format: .pem)
        } catch {
            throw Unusable(description: "the key's file has no private key as PEM without a password")
        }
    }

    static func authorities(_ data: Data) throws -> [Certificate] {
        try certificates(data).map { try Certificate(derEncoded: $0.toDERBytes()) }
    }

    /// The authorities that the system trusts.
    static func system() throws -> [Certificate] {
        // Where Debian, Fedora and SUSE keep them. macOS keeps them in a keychain.
        let bundles = [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem",
        ]
        guard let path = bundles.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw Unusable(description: "the system has no file of trusted authorities: name one")
        }
        return try authorities(Data(contentsOf: URL(filePath: path)))
    }
}
