import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage
import RookeryCore

/// The keys that a `petpro encryption` command reads or changes.
struct EncryptionOptions: ParsableArguments {
    @OptionGroup var databases: DatabaseOptions
    @Flag(help: "The field keys, which encrypt fields between services, not the encryption keys of the databases.")
    var fields = false
    @Option(
        help: ArgumentHelp(
            "The file of the keys. Default: encryption-keys.json in the folder --data; with --fields, "
                + "fields.json in the folder of the service keys.", valueName: "file"))
    var file: String?

    private var keys: SecretKeyFile {
        if fields { return .fields(file ?? KeyFolder(data + "/keys").fieldKeys) }
        return .encryption(file ?? data + "/encryption-keys.json")
    }

    private var data: String { databases.data }

    var path: String { keys.path }

    /// Reads the keys. Throws ``CommandSupport/CommandFailure`` with the next step if there are none.
    func read() throws -> SecretKeys {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                fields
                    ? "there is no file \(path): `petpro encryption rotate --fields` makes it, or give --file or --data"
                    : "there is no file \(path): `petpro up` makes it at its first start, or give --file or --data")
        }
        return try failing { try keys.read() }
    }

    /// Makes the file of the field keys with one key, if there is none. Returns whether it did. A folder of service keys that
    /// an earlier version made has none.
    func begin() throws -> Bool {
        guard fields, file == nil, !FileManager.default.fileExists(atPath: path) else { return false }
        do {
            return try PrivateFiles.writeIfAbsent(FieldKeys.random().fileContent, to: path)
        } catch {
            throw CommandFailure("cannot write \(path): \(error)")
        }
    }

    /// The options that another command needs for the same keys, with a space before them.
    var again: String {
        (fields ? " --fields" : "") + (file.map { " --file \($0)" } ?? "")
            + (data == DatabaseOptions.defaultFolder ? "" : " --data \(data)")
            + (databases.database.map { " --database \($0)" } ?? "")
    }

    /// Changes the keys. Throws ``CommandSupport/CommandFailure``.
    func update<Result>(_ change: (SecretKeys) throws -> (SecretKeys, Result)) throws -> Result {
        _ = try read()
        return try failing { try keys.update(change) }
    }

    /// Makes a key the one that seals. Throws ``CommandSupport/CommandFailure``.
    func promote(_ id: String) throws {
        try update { keys in
            guard let promoted = keys.promoting(id) else { throw unknown(id) }
            return (promoted, ())
        }
    }

    func unknown(_ id: String) -> CommandFailure {
        CommandFailure("there is no key \(id) in \(path): `petpro encryption list\(again)` shows all")
    }

    /// How many data keys each encryption key seals, by service, of the services whose databases are in the folder.
    func use() throws -> [(service: ServiceName, keys: [String: Int])] {
        if fields { return [] }
        let found: [(service: ServiceName, keys: [String: Int])] = try ServiceName.allCases.compactMap { service in
            let place = databases.place(of: service)
            do {
                return try place.encryptionKeyUse().map { (service, $0) }
            } catch {
                throw CommandFailure("cannot read the key store of \(place): \(error)")
            }
        }
        if found.isEmpty {
            throw CommandFailure(
                "there is no key store in \(databases.shown): name the databases with --data or --database, so that the use of "
                    + "the keys can be counted")
        }
        return found
    }

    private func failing<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as EncryptionKeys.Unusable {
            throw CommandFailure("\(error)")
        }
    }
}
