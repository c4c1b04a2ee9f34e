import Foundation
import PetProRuntime
package import RookeryCore

/// A file of secret keys, as a command of an operator changes it.
package struct SecretKeyFile: Sendable {
    package let path: String
    private let parse: @Sendable (Data) throws -> SecretKeys

    /// The file of the encryption keys at a path.
    package static func encryption(_ path: String) -> SecretKeyFile {
        SecretKeyFile(path: path) { try EncryptionKeys(parsing: $0).secrets }
    }

    /// The file of the field keys at a path.
    package static func fields(_ path: String) -> SecretKeyFile {
        SecretKeyFile(path: path) { try FieldKeys.parse($0) }
    }

    /// Reads the keys. Throws ``EncryptionKeys/Unusable``, which never contains a key.
    package func read() throws -> SecretKeys {
        do {
            return try parse(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw EncryptionKeys.Unusable(description: "the keys \(path): \(error)")
        }
    }

    /// Changes the keys. Commands that do so at once do it one after another.
    ///
    /// Throws ``EncryptionKeys/Unusable``, what `change` throws, and the error of writing.
    package func update<Result>(_ change: (SecretKeys) throws -> (SecretKeys, Result)) throws -> Result {
        let lock = try FileLock(path + ".lock")
        defer { lock.release() }
        let (keys, result) = try change(try read())
        try PrivateFiles.write(keys.fileContent, to: path)
        return result
    }
}
