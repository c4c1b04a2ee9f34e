/// The service that sent a message, as its service key proves.
public struct Caller: Sendable, Hashable {
    /// The name of the service, from the server's keyring.
    public let service: String
    /// The id of the key. It is no secret.
    public let keyID: String

    package init(service: String, keyID: String) {
        self.service = service
        self.keyID = keyID
    }
}
