import NIOHTTP1

/// Header fields of every response that keep browsers from doing what an API never asks for.
enum SecurityHeaders {
    private static let fields = [
        // The content is what its type says, whatever it looks like.
        ("X-Content-Type-Options", "nosniff"),
        // A response loads nothing, and no page shows it in a frame.
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("Referrer-Policy", "no-referrer"),
    ]

    /// The fields as they stand in a response.
    static let text = fields.map { "\($0): \($1)\r\n" }.joined()

    /// Adds the fields. On an encrypted connection, browsers are told to use no other for a year (RFC 6797).
    static func add(to headers: inout HTTPHeaders, isEncrypted: Bool) {
        // A page has a policy of its own.
        for (name, value) in fields where !headers.contains(name: name) { headers.add(name: name, value: value) }
        if isEncrypted { headers.add(name: "Strict-Transport-Security", value: "max-age=31536000") }
    }
}
