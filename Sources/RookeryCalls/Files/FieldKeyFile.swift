import Foundation
package import Logging
import NIOCore
package import RookeryCore
package import RookeryPolicies

/// The file of the keys that encrypt marked members of messages. A change needs no restart.
package enum FieldKeyFile {
    /// Reads a file. Returns a cipher that uses its keys, and reads it again for a key that it does not have, and at most
    /// every half second.
    ///
    /// Throws ``RookeryPolicies/InvalidSetting``, which never contains a key.
    package static func cipher(_ path: String, logger: Logger) throws(InvalidSetting) -> FieldCipher {
        let file: WatchedFile<SecretKeys>
        do {
            file = try WatchedFile([path], "field keys", logger: logger) { try FieldKeys.parse($0[0]) }
        } catch {
            throw InvalidSetting("fields.keys", "the file of the keys of encrypted fields; \(path): \(error)")
        }
        return FieldCipher(
            keys: {
                file.reload(atMostEvery: ServiceKeyFile.interval)
                return file.current.value
            },
            // A peer cannot have the file read more often than this.
            reload: { file.reload(atMostEvery: .milliseconds(50)) })
    }
}
