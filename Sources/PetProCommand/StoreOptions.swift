import ArgumentParser
import CommandSupport
import Logging
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery

/// Where the platform keeps its data, and whether it is demo data.
struct StoreOptions: ParsableArguments {
    @OptionGroup var databases: DatabaseOptions
    @Option(
        help: ArgumentHelp(
            "The file of the keys that sign tokens. Default: auth-keys.json in the folder --data.",
            valueName: "file"))
    var signingKeys: String?
    @Option(
        help: ArgumentHelp(
            "The file of the encryption keys, which seal the data keys of people. petpro makes it if it is missing. Default: "
                + "encryption-keys.json in the folder --data.", valueName: "file"))
    var encryptionKeys: String?
    @Flag(
        help: """
            Store personal data unsealed, and rewrite sealed data in the background. Key stores and encryption keys are needed \
            all the same.
            """)
    var plainData = false
    @Flag(help: "Fill an empty platform with demo data, and list in each response the calls it caused.")
    var demo = false
    @Flag(help: "Allow --demo on an address that other machines reach. The demo passwords are public.")
    var publicDemo = false

    /// The folder of the keys, of the audit log, and of the databases if they are files.
    var data: String { databases.data }

    /// Throws ``CommandSupport/CommandFailure`` if other machines may reach demo data and `--public-demo` is not set.
    func check(_ addresses: [Instance]) throws {
        guard demo, !publicDemo, let address = addresses.first(where: { !$0.isLoopback }) else { return }
        throw CommandFailure(
            "other machines may reach \(address), and the passwords of the demo accounts are public: "
                + "listen on 127.0.0.1, or add --public-demo")
    }

    /// Opens the file of the encryption keys, or makes it.
    ///
    /// Throws ``CommandSupport/CommandFailure`` that names the file.
    func openEncryptionKeys(logger: Logger) throws -> EncryptionKeyFile {
        do {
            return try EncryptionKeyFile(encryptionKeysPath, logger: logger)
        } catch {
            throw CommandFailure("\(error)\nGive the file with --encryption-keys.")
        }
    }

    /// How the database of a service protects personal data.
    func protection(of service: ServiceName, _ keys: EncryptionKeyFile) -> Protection {
        Protection(service: service.rawValue, form: plainData ? .plain : .sealed, keys: keys)
    }

    /// The path of the file of the encryption keys.
    var encryptionKeysPath: String { encryptionKeys ?? data + "/encryption-keys.json" }

    /// The folder of the audit log.
    var auditFolder: String { data + "/audit" }

    /// The path of the file with the keys that sign tokens.
    var signingKeysPath: String { signingKeys ?? data + "/auth-keys.json" }

    /// Creates the folder if it is missing, and removes other users' permissions.
    ///
    /// Throws ``CommandSupport/CommandFailure`` that names the folder.
    func prepareFolder() throws {
        do {
            try PrivateFiles.prepare(folder: data)
            try AuditFolder(auditFolder).protect()
        } catch let error as PrivateFiles.NotPrivate {
            throw CommandFailure("\(error)")
        } catch {
            throw CommandFailure("cannot use the folder \(data): \(error)\nChoose another one with --data.")
        }
    }
}
