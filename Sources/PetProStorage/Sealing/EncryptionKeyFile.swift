import Foundation
public import Logging
import PetProRuntime
import RookeryCalls
import RookeryCore

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
            _ = try PrivateFiles.writeIfAbsent(EncryptionKeys().secrets.fileContent, to: path)
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
}
