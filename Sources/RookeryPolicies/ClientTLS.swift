/// How a client encrypts its connections with TLS, version 1.2 or later.
package struct ClientTLS: Sendable, Hashable {
    /// The file with the certificates of the authorities that the client trusts, as PEM, or `system` for those of the
    /// system. Default nil: no TLS.
    package var roots: String?
    /// The name or the IP address that the server's certificate must have. Default: the host that the client dials.
    package var name: String?
    /// The file with the client's own certificate and those between it and its authority, as PEM. Default nil: none.
    package var certificate: String?
    /// The file with the private key of ``certificate``, as PEM.
    package var key: String?

    /// Makes settings without TLS.
    package init() {}

    /// Whether the client uses TLS.
    package var isOn: Bool { roots != nil }

    /// What is wrong with the settings. Nil if nothing is.
    package var problem: InvalidSetting? {
        if (certificate == nil) != (key == nil) {
            return InvalidSetting(
                certificate == nil ? "tls.certificate" : "tls.key", "given: a certificate and its key go together")
        }
        if roots == nil, name != nil || certificate != nil {
            return InvalidSetting("tls.roots", "given, as the other settings of TLS are: a file, or system")
        }
        return nil
    }
}
