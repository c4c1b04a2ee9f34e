import Foundation
public import Logging
import RookeryCalls

/// The file with the encryption keys of a platform. Running services notice a change.
public final class EncryptionKeyFile: Sendable {
    /// The path of the file.
    public let path: String
    private let file: WatchedFile<EncryptionKeys>

    /// Reads a file. If it does not exist, creates it with one random key, for this user only.
    ///
    /// Throws ``EncryptionKeys/Unusable``, which never contains a key, or the error of creating the file.
    public init(_ path: String, logger: Logger) throws {
        self.path = path
        if !FileManager.default.fileExists(atPath: path) {
            // Another instance may create the file at the same moment. Then both use the first file.
            _ = try PrivateFiles.writeIfAbsent(EncryptionKeys().fileContent, to: path)
        }
        try PrivateFiles.prepare(file: path)
        do {
            file = try WatchedFile([path], "encryption keys", logger: logger) { try EncryptionKeys(parsing: $0[0]) }
        } catch {
            throw EncryptionKeys.Unusable(description: "the encryption keys \(path): \(error)")
        }
    }

    /// The keys that were last read.
    public var keys: EncryptionKeys { file.current.value }

    /// Reads the file again. Returns whether it changed.
    @discardableResult
    public func reload() -> Bool { file.reload() }

    /// Changes the keys in a file. Commands that change it at once do so one after another.
    ///
    /// Throws ``EncryptionKeys/Unusable``, what `change` throws, and the error of writing.
    public static func update<Result>(
        _ path: String, _ change: (EncryptionKeys) throws -> (EncryptionKeys, Result)
    ) throws -> Result {
        let lock = try FileLock(path + ".lock")
        defer { lock.release() }
        let (keys, result) = try change(try read(path))
        try PrivateFiles.write(keys.fileContent, to: path)
        return result
    }

    /// Reads the keys in a file. Throws ``EncryptionKeys/Unusable``.
    public static func read(_ path: String) throws -> EncryptionKeys {
        do {
            return try EncryptionKeys(parsing: try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw EncryptionKeys.Unusable(description: "the encryption keys \(path): \(error)")
        }
    }
}
