import Foundation
package import Logging
package import NIOCore
package import RookeryCore
package import RookeryPolicies

/// The file with a client's service key. Its last word is the key in use, so that a rotation can add a line and
/// take the old one away later.
package final class ServiceKeyFile: Sendable {
    /// A new key in the file is in use after at most this time: 500 ms.
    package static let interval: TimeAmount = .milliseconds(500)

    private let file: WatchedFile<ServiceKey>

    /// Reads the file. Throws ``RookeryPolicies/InvalidSetting``, which never contains the key.
    package init(_ path: String, logger: Logger) throws(InvalidSetting) {
        do {
            file = try WatchedFile([path], "service key", logger: logger) { try Self.parse($0[0]) }
        } catch {
            throw InvalidSetting("key", "the file of a service key; \(path): \(error)")
        }
    }

    private static func parse(_ data: Data) throws -> ServiceKey {
        let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return try ServiceKey(String(lines.last ?? ""))
    }

    /// The key to show now.
    package var key: ServiceKey {
        file.reload(atMostEvery: Self.interval)
        return file.current.value
    }
}
