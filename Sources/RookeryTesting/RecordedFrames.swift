package import Foundation
package import RookeryWire

/// The frames recorded from a running NestJS, in the package's `Conformance` folder.
package struct RecordedFrames: Sendable {
    /// One recording; its members are described in `Conformance/README.md`.
    package struct Recording: Sendable {
        /// All members.
        package let json: JSONValue

        /// What the recording shows.
        package var name: String { json["name"]?.stringValue ?? "" }

        /// A member's bytes, which are recorded in base64; nil when it has none.
        package func bytes(_ member: String) -> [UInt8]? {
            json[member]?.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init)
        }

        /// The separate writes of a member.
        package func chunks(_ member: String) -> [[UInt8]]? {
            json[member]?.arrayValue?.compactMap { $0.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init) }
        }
    }

    private let folder: URL

    /// The recordings in a folder.
    package init(folder: URL) { self.folder = folder }

    /// The recordings of a file: `client-frames`, `server-frames` or `malformed`.
    package func recordings(_ file: String) throws -> [Recording] {
        let data = try Data(contentsOf: folder.appendingPathComponent("\(file).json"))
        return (try JSONValue(parsing: data).arrayValue ?? []).map(Recording.init)
    }
}
