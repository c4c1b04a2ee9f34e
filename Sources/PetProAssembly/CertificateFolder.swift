import Foundation
import PetProRuntime
import PetProStorage
import Rookery

/// A folder with the certificates of a platform: `authority.pem`, whom all trust, and `<name>.pem` with `<name>.key` for
/// each service and the gateway.
package struct CertificateFolder: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package var authority: String { path + "/authority.pem" }
    /// The file of a holder's certificate.
    package func certificate(of name: String) -> String { "\(path)/\(name).pem" }
    /// The file of the key of a service's certificate.
    package func key(of name: String) -> String { "\(path)/\(name).key" }

    /// The name of the development authority's key.
    private static let authorityKey = "/authority.key"

    /// Makes a certificate for each holder of a service key, and the authority if it is not there.
    /// Returns their names. Throws the error of writing, or of a file that is there and cannot be used.
    package func make(hosts: [String], lifetime: Duration) throws -> [String] {
        try PrivateFiles.prepare(folder: path)
        let authority: DevelopmentAuthority
        if FileManager.default.fileExists(atPath: self.authority) {
            authority = try DevelopmentAuthority(
                certificate: String(contentsOfFile: self.authority, encoding: .utf8),
                key: String(contentsOfFile: path + Self.authorityKey, encoding: .utf8))
        } else {
            authority = try DevelopmentAuthority()
            try PrivateFiles.write(Data(authority.issued.key.utf8), to: path + Self.authorityKey)
            try PrivateFiles.write(Data(authority.issued.certificate.utf8), to: self.authority)
        }
        let names = KeyHolder.allCases.map(\.rawValue)
        for name in names {
            let issued = try authority.issue([name] + hosts, lifetime: Double(lifetime.components.seconds))
            try PrivateFiles.write(Data(issued.key.utf8), to: key(of: name))
            try PrivateFiles.write(Data(issued.certificate.utf8), to: certificate(of: name))
        }
        return names
    }
}
