import HTTPTypes
import NIOHTTP1

/// Checks of a request's head that the parser does not make (RFC 9112).
enum HeadCheck {
    /// Returns the error of a head that must be refused, or nil.
    static func problem(_ head: HTTPRequestHead, bodyLimit: Int) -> Problem? {
        guard head.version.major == 1, head.version.minor <= 1 else { return .versionNotSupported }
        if let problem = host(head) ?? target(head) ?? length(head, limit: bodyLimit) { return problem }
        let expectations = head.headers["expect"]
        if !expectations.isEmpty, expectations.map({ $0.lowercased() }) != ["100-continue"] {
            return Problem(
                .expectationFailed, "EXPECTATION_FAILED", "The only supported expectation is 100-continue.")
        }
        return nil
    }

    /// Requires exactly one `Host` (3.2). HTTP/1.0 may omit it.
    private static func host(_ head: HTTPRequestHead) -> Problem? {
        let hosts = head.headers["host"]
        if hosts.isEmpty, head.version == .http1_0 { return nil }
        guard hosts.count == 1 else {
            return .badRequest("There must be exactly one Host header field, not \(hosts.count).")
        }
        let isHost = hosts[0].utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
            }
        }
        return isHost ? nil : .badRequest("The Host header field must be a host, with an optional port.")
    }

    /// Requires a path, the absolute form of one, or `*` for `OPTIONS` (3.2).
    private static func target(_ head: HTTPRequestHead) -> Problem? {
        if head.uri.hasPrefix("/") || head.uri.hasPrefix("http://") || head.uri.hasPrefix("https://") { return nil }
        if head.uri == "*", head.method == .OPTIONS { return nil }
        return .badRequest("The request target must be a path.")
    }

    /// Requires a single way to determine the end of the body (6.3). Two recipients may read a request with two ways
    /// differently (request smuggling).
    private static func length(_ head: HTTPRequestHead, limit: Int) -> Problem? {
        let lengths = head.headers["content-length"]
        let codings = head.headers["transfer-encoding"]
        if !codings.isEmpty {
            guard lengths.isEmpty, head.version == .http1_1 else {
                return .badRequest("A request with Transfer-Encoding must be HTTP/1.1 and have no Content-Length.")
            }
            guard codings.map({ $0.lowercased() }) == ["chunked"] else {
                return Problem(.notImplemented, "NOT_IMPLEMENTED", "The only supported transfer coding is chunked.")
            }
        }
        guard let text = lengths.first else { return nil }
        guard lengths.count == 1, !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return .badRequest("There must be at most one Content-Length, which is a number.")
        }
        // A number that does not fit an `Int` is over the limit as well.
        guard let length = Int(text), length <= limit else { return .tooLarge(limit: limit) }
        return nil
    }

    /// Returns whether the client waits for 100 Continue.
    static func wantsContinue(_ head: HTTPRequestHead) -> Bool {
        head.version == .http1_1 && !head.headers["expect"].isEmpty
            && (head.headers.contains(name: "transfer-encoding")
                || head.headers["content-length"].first.map { $0 != "0" } ?? false)
    }

    /// Returns whether another request may follow. After a request for another protocol, the parser reads no further
    /// one.
    static func keepsAlive(_ head: HTTPRequestHead) -> Bool {
        head.version == .http1_1 && head.isKeepAlive && head.method != .CONNECT
            && !head.headers.contains(name: "upgrade")
    }
}
