public import Foundation
public import RookeryWire

/// The frames recorded from a running NestJS, in the package's `Conformance` folder.
public struct RecordedFrames: Sendable {
    /// One recording; its members are described in `Conformance/README.md`.
    public struct Recording: Sendable {
        /// All members.
        public let json: JSONValue

        /// What the recording shows.
        public var name: String { json["name"]?.stringValue ?? "" }

        /// A member's bytes, which are recorded in base64; nil when it has none.
        public func bytes(_ member: String) -> [UInt8]? {
            json[member]?.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init)
        }

        /// The separate writes of a member.
        public func chunks(_ member: String) -> [[UInt8]]? {
            json[member]?.arrayValue?.compactMap { $0.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init) }
        }
    }

    private let folder: URL

    /// The recordings in a folder.
    public init(folder: URL) { self.folder = folder }

    /// The recordings of a file: `client-frames`, `server-frames` or `malformed`.
    public func recordings(_ file: String) throws -> [Recording] {
        let data = try Data(contentsOf: folder.appendingPathComponent("\(file).json"))
        return (try JSONValue(parsing: data).arrayValue ?? []).map(Recording.init)
    }
}
