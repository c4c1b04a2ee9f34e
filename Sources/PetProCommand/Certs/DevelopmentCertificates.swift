import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProStorage
import Rookery

struct DevelopmentCertificates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Makes a development authority, and a certificate with its key for each service.",
        discussion: """
            Existing certificates of the services are replaced; the authority stays if it is there. Running services \
            take the new certificates within half a second. A holder of authority.key can pose as any service: use an \
            authority of your own in production.

              petpro certs dev --out certs
              petpro up --tls certs
            """)

    @Option(help: "The folder of the certificates.")
    var out = "certs"
    @Option(help: "The names and addresses that each certificate is for, besides the service's name.")
    var host = ["localhost", "127.0.0.1", "::1"]
    @Option(help: "After how many days the certificates expire, at most 365.")
    var days = 90

    func validate() throws {
        guard (1...365).contains(days) else { throw ValidationError("--days must be 1 to 365") }
    }

    func run() async throws {
        let folder = CertificateFolder(out)
        do {
            let made = try folder.make(hosts: host, lifetime: .seconds(days * 86_400))
            Terminal.line("made \(made.count) certificates in \(out): \(made.joined(separator: ", "))")
        } catch {
            throw CommandFailure("cannot make certificates in \(out): \(error)")
        }
    }
}
