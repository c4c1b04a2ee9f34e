import HTTPTypes
import NIOHTTP1

/// What a request's head must be, beyond what the parser sees to (RFC 9112).
enum HeadCheck {
    /// Why the request is refused; nil when it is not.
    static func problem(_ head: HTTPRequestHead, bodyLimit: Int) -> Problem? {
        guard head.version.major == 1, head.version.minor <= 1 else { return .versionNotSupported }
        if let problem = host(head) ?? target(head) ?? length(head, limit: bodyLimit) { return problem }
        let expectations = head.headers["expect"]
        if !expectations.isEmpty, expectations.map({ $0.lowercased() }) != ["100-continue"] {
            return Problem(
                .expectationFailed, "EXPECTATION_FAILED", "The only expectation that is met is 100-continue.")
        }
        return nil
    }

    /// Exactly one `Host` (3.2), which HTTP/1.0 did not ask for.
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
        return isHost ? nil : .badRequest("The Host header field must be a host, and a port if need be.")
    }

    /// A path, or an absolute form of one (3.2).
    private static func target(_ head: HTTPRequestHead) -> Problem? {
        if head.uri.hasPrefix("/") || head.uri.hasPrefix("http://") || head.uri.hasPrefix("https://") { return nil }
        if head.uri == "*", head.method == .OPTIONS { return nil }
        return .badRequest("The request target must be a path.")
    }

    /// One way to say where the body ends (6.3): a request with two is one that others may read differently.
    private static func length(_ head: HTTPRequestHead, limit: Int) -> Problem? {
        let lengths = head.headers["content-length"]
        let codings = head.headers["transfer-encoding"]
        if !codings.isEmpty {
            guard lengths.isEmpty, head.version == .http1_1 else {
                return .badRequest("A request with Transfer-Encoding must be HTTP/1.1 and have no Content-Length.")
            }
            guard codings.map({ $0.lowercased() }) == ["chunked"] else {
                return Problem(.notImplemented, "NOT_IMPLEMENTED", "The only transfer coding that is known is chunked.")
            }
        }
        guard let text = lengths.first else { return nil }
        guard lengths.count == 1, !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return .badRequest("There must be at most one Content-Length, which is a number.")
        }
        // Too many digits for a number are too many bytes as well.
        guard let length = Int(text), length <= limit else { return .tooLarge(limit: limit) }
        return nil
    }

    /// Whether the client waits to be told to go on.
    static func wantsContinue(_ head: HTTPRequestHead) -> Bool {
        head.version == .http1_1 && !head.headers["expect"].isEmpty
            && (head.headers.contains(name: "transfer-encoding")
                || head.headers["content-length"].first.map { $0 != "0" } ?? false)
    }

    /// Whether another request may follow. After one that asks for another protocol, the parser understands none.
    static func keepsAlive(_ head: HTTPRequestHead) -> Bool {
        head.version == .http1_1 && head.isKeepAlive && head.method != .CONNECT
            && !head.headers.contains(name: "upgrade")
    }
}
