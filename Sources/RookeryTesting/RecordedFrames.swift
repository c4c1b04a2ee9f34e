package import Foundation
package import RookeryWire

/// Reads the frames that were recorded from a running NestJS, in the package's `Conformance` folder.
package struct RecordedFrames: Sendable {
    /// One recording. `Conformance/README.md` describes its members.
    package struct Recording: Sendable {
        /// The recording with all members.
        package let json: JSONValue

        /// The name of the recording. Empty if it has none.
        package var name: String { json["name"]?.stringValue ?? "" }

        /// The bytes of a member, decoded from base64. Nil if there is no such member, or it is not base64.
        package func bytes(_ member: String) -> [UInt8]? {
            json[member]?.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init)
        }

        /// The separate writes of a member, each decoded from base64. Nil if the member is not an array.
        package func chunks(_ member: String) -> [[UInt8]]? {
            json[member]?.arrayValue?.compactMap { $0.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init) }
        }
    }

    private let folder: URL

    /// Makes a reader of the recordings in a folder.
    package init(folder: URL) { self.folder = folder }

    /// Reads the recordings of a file: `client-frames`, `server-frames` or `malformed`.
    ///
    /// Throws if the file cannot be read or is not JSON.
    package func recordings(_ file: String) throws -> [Recording] {
        let data = try Data(contentsOf: folder.appendingPathComponent("\(file).json"))
        return (try JSONValue(parsing: data).arrayValue ?? []).map(Recording.init)
    }
}
