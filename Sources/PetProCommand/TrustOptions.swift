import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProContracts
import PetProRuntime
import Rookery

/// What the services trust: service keys, certificates, and which services take calls without a key.
struct TrustOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of the service keys. petpro makes it, with a key for each service, if it is missing. "
                + "Default: keys in the folder --data.", valueName: "folder"))
    var keys: String?
    @Option(
        help: ArgumentHelp(
            "The services whose ports take calls without a service key, such as auth,vendor, or all: for NestJS peers "
                + "that cannot show one.", valueName: "services"))
    var open = OpenListeners()
    @Option(
        help: ArgumentHelp(
            "The folder of certificates, as `petpro certs dev` makes it: encrypt all connections between services with "
                + "TLS, and take only peers with a certificate of its authority. Default: no TLS.", valueName: "folder")
    )
    var tls: String?

    /// The certificates. Nil without TLS.
    var certificates: CertificateFolder? { tls.map { CertificateFolder($0) } }

    /// The path of the folder.
    func path(_ store: StoreOptions) -> String { keys ?? store.data + "/keys" }

    /// Makes the folder if it is missing, and warns of open services.
    ///
    /// Throws ``CommandSupport/CommandFailure``.
    func prepare(_ store: StoreOptions) throws -> KeyFolder {
        if keys == nil { try store.prepareFolder() }
        let folder = KeyFolder(path(store))
        do {
            if try folder.makeIfAbsent(environment: store.demo ? "demo" : "live", at: .current()) {
                Terminal.line("made service keys in \(folder.path)")
            }
        } catch {
            throw CommandFailure("\(error)")
        }
        if tls == nil, !FileManager.default.fileExists(atPath: folder.fieldKeys) {
            Terminal.note(
                "warning: \(folder.fieldKeys) is missing: personal data and passwords go over the network as they are, since "
                    + "there is no --tls either; `petpro encryption rotate --fields` makes it")
        }
        for service in open.services.map(\.rawValue).sorted() {
            Terminal.note("warning: \(service) is open: every peer that reaches its port may call every command")
        }
        return folder
    }
}
