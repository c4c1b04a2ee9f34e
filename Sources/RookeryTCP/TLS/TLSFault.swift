import NIOSSL

/// Says in words why a connection with TLS failed.
enum TLSFault {
    /// The text for an error of a connection. Errors without TLS keep their own.
    static func text(_ error: any Error) -> String {
        let text = "\(error)"
        guard error is NIOSSLError || error is BoringSSLError else { return text }
        // The names of the alerts of RFC 8446, as BoringSSL prints them.
        let words = [
            ("CERTIFICATE_REQUIRED", "the server asks for a certificate of the client"),
            ("CERTIFICATE_EXPIRED", "the server refuses the client's certificate, which is expired"),
            ("UNKNOWN_CA", "the server does not trust the authority of the client's certificate"),
            ("BAD_CERTIFICATE", "the server refuses the client's certificate"),
            ("CERTIFICATE_UNKNOWN", "the server refuses the client's certificate"),
            ("CERTIFICATE_VERIFY_FAILED", "the peer's certificate was refused"),
            ("WRONG_VERSION_NUMBER", "the peer does not speak TLS"),
            ("PROTOCOL_VERSION", "the peers have no version of TLS in common"),
        ]
        if let found = words.first(where: { text.contains($0.0) }) { return found.1 }
        if case .uncleanShutdown? = error as? NIOSSLError { return "closed by the peer" }
        return "TLS failed: \(text)"
    }
}
