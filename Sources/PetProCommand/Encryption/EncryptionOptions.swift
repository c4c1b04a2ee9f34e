import ArgumentParser
import CommandSupport
import Foundation
import PetProContracts
import PetProStorage

/// The encryption keys that a `petpro encryption` command reads or changes.
struct EncryptionOptions: ParsableArguments {
    @Option(help: "The folder of the databases.")
    var data = StoreOptions.defaultFolder
    @Option(
        help: ArgumentHelp(
            "The file of the encryption keys. Default: encryption-keys.json in the folder of the databases.",
            valueName: "file"))
    var encryptionKeys: String?

    var file: String { encryptionKeys ?? data + "/encryption-keys.json" }

    /// Reads the keys. Throws ``CommandSupport/CommandFailure`` with the next step if there are none.
    func read() throws -> EncryptionKeys {
        guard FileManager.default.fileExists(atPath: file) else {
            throw CommandFailure(
                "there is no file \(file): `petpro up` makes it at its first start, or give --encryption-keys or --data"
            )
        }
        return try failing { try EncryptionKeyFile.read(file) }
    }

    /// Changes the keys. Throws ``CommandSupport/CommandFailure``.
    func update<Result>(_ change: (EncryptionKeys) throws -> (EncryptionKeys, Result)) throws -> Result {
        _ = try read()
        return try failing { try EncryptionKeyFile.update(file, change) }
    }

    /// How many data keys each encryption key seals, by service, of the services whose databases are in the folder.
    func use() throws -> [(service: ServiceName, keys: [String: Int])] {
        try ServiceName.allCases.compactMap { service in
            let database = "\(data)/\(service.rawValue).sqlite"
            let path = Database.keyStorePath(of: database)
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            do {
                return (service, try EncryptionKeyUse.read(ofDatabase: database))
            } catch {
                throw CommandFailure("cannot read \(path): \(error)")
            }
        }
    }

    private func failing<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as EncryptionKeys.Unusable {
            throw CommandFailure("\(error)")
        }
    }
}
