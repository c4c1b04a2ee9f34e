import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import Rookery

/// The keyring that a `petpro keys` command reads or changes.
struct KeyringOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of the service keys. Default: keys in the folder --data.", valueName: "folder"))
    var keys: String?
    @Option(help: "The folder of the keys and of the databases.")
    var data = DatabaseOptions.defaultFolder

    var folder: KeyFolder { KeyFolder(keys ?? data + "/keys") }

    /// Reads the keyring. Throws ``CommandSupport/CommandFailure`` with the next step if there is none.
    func read() throws -> Keyring {
        guard FileManager.default.fileExists(atPath: folder.keyring) else {
            throw CommandFailure(
                "there is no keyring in \(folder.path): `petpro up` makes one at its first start, or give --keys or --data"
            )
        }
        return try failing { try folder.read() }
    }

    /// Begins an empty keyring in a folder that --keys names, if it has none. Throws ``CommandSupport/CommandFailure``.
    func begin() throws {
        if keys == nil {
            _ = try read()
        } else {
            try failing { try folder.beginIfAbsent() }
        }
    }

    /// Changes the keyring. Throws ``CommandSupport/CommandFailure``.
    func update<Result>(_ change: (inout Keyring) throws -> Result) throws -> Result {
        _ = try read()
        return try failing { try folder.update(change) }
    }

    private func failing<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as KeyFolder.Unusable {
            throw CommandFailure("\(error)")
        }
    }
}
