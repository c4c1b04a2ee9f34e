import AsyncHTTPClient
public import NIOHTTP1
public import Rookery
import RookeryTesting

/// An HTTP response.
public struct Answer: Sendable {
    /// The status code.
    public let status: Int
    /// The header fields.
    public let headers: HTTPHeaders
    /// The body as JSON. Null without a body, and a string when the body is not JSON.
    public let body: JSONValue
    /// The `code` of a problem.
    public var code: String? { body["code"]?.stringValue }
    /// The paths of the invalid fields that a problem names.
    public var wrongFields: [String] { body["errors"]?.arrayValue?.compactMap { $0["path"]?.stringValue } ?? [] }
}
