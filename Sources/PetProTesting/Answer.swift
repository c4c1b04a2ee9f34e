import AsyncHTTPClient
public import NIOHTTP1
public import Rookery
import RookeryTesting

/// An answer over HTTP.
public struct Answer: Sendable {
    /// The status code.
    public let status: Int
    /// The header fields.
    public let headers: HTTPHeaders
    /// The body as JSON; null when there is none, text when it is no JSON.
    public let body: JSONValue
    /// The code of a problem.
    public var code: String? { body["code"]?.stringValue }
    /// The paths of the fields that a problem names.
    public var wrongFields: [String] { body["errors"]?.arrayValue?.compactMap { $0["path"]?.stringValue } ?? [] }
}
