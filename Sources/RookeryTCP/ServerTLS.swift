package import RookeryPolicies

/// How a server encrypts its connections with TLS, version 1.2 or later.
package struct ServerTLS: Sendable, Hashable {
    /// The file with the server's certificate and those between it and its authority, as PEM. Default nil: no TLS.
    package var certificate: String?
    /// The file with the private key of ``certificate``, as PEM.
    package var key: String?
    /// The file with the certificates of the authorities whose clients may connect, as PEM. Default nil: clients need no
    /// certificate.
    package var clients: String?

    /// Makes settings without TLS.
    package init() {}

    /// What is wrong with the settings. Nil if nothing is.
    package var problem: InvalidSetting? {
        if (certificate == nil) != (key == nil) {
            return InvalidSetting(
                certificate == nil ? "tls.certificate" : "tls.key", "given: a certificate and its key go together")
        }
        if certificate == nil, clients != nil {
            return InvalidSetting("tls.certificate", "given, as tls.clients is")
        }
        return nil
    }
}
