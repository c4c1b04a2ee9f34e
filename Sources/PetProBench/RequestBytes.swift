import NIOCore
import Rookery

/// Encodes HTTP/1.1 requests.
enum RequestBytes {
    static func get(_ path: String, token: String? = nil) -> ByteBuffer {
        ByteBuffer(string: head("GET", path, token) + "\r\n")
    }

    static func post(_ path: String, _ body: String, token: String? = nil, key: String? = nil) -> ByteBuffer {
        var text = head("POST", path, token)
        if let key { text += "Idempotency-Key: \(key)\r\n" }
        text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        return ByteBuffer(string: text + body)
    }

    private static func head(_ method: String, _ path: String, _ token: String?) -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (token.map { "Authorization: Bearer \($0)\r\n" } ?? "")
    }
}
