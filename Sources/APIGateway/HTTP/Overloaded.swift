import NIOCore

/// The refusal of a request for overload, as prepared bytes: a 503 with the code `OVERLOADED`.
///
/// It has no `traceId`, because the request has no trace. It has no `Date`, which a 503 may omit (RFC 9110, 6.6.1).
enum Overloaded {
    private static let problem =
        #"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"OVERLOADED","#
        + #""detail":"The gateway is overloaded. Retry later."}"#

    private static func make(hasBody: Bool, isLast: Bool) -> ByteBuffer {
        ByteBuffer(
            string:
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n"
                + "Retry-After: 1\r\nServer: PetPro\r\n\(SecurityHeaders.text)Content-Length: \(problem.utf8.count)\r\n"
                + (isLast ? "Connection: close\r\n\r\n" : "\r\n") + (hasBody ? problem : ""))
    }

    private static let whole = make(hasBody: true, isLast: false)
    private static let wholeAndLast = make(hasBody: true, isLast: true)
    private static let head = make(hasBody: false, isLast: false)
    private static let headAndLast = make(hasBody: false, isLast: true)

    static func bytes(hasBody: Bool, isLast: Bool) -> ByteBuffer {
        switch (hasBody, isLast) {
        case (true, false): whole
        case (true, true): wholeAndLast
        case (false, false): head
        case (false, true): headAndLast
        }
    }
}
