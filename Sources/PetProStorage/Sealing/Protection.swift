/// How a database protects personal data.
public struct Protection: Sendable {
    /// The form in which personal data is stored.
    public enum Form: String, Sendable {
        /// Encrypted with the data key of its person.
        case sealed
        /// As it is.
        case plain
    }

    /// The name of the service, which is a part of each sealed value's path.
    public let service: String
    /// The form in which values are written. Values in the other form can still be read.
    public let form: Form
    let keys: @Sendable () -> EncryptionKeys
    /// Reads the keys again. Returns whether they changed.
    let reload: @Sendable () -> Bool

    /// Protects with the keys in a file.
    public init(service: String, form: Form = .sealed, keys file: EncryptionKeyFile) {
        self.service = service
        self.form = form
        keys = { file.keys }
        reload = { file.reload() }
    }

    /// Protects with keys in memory, by default a random one. Data in a file cannot be read any more when the process has ended
    /// with it, so the default is for tests.
    public init(service: String, form: Form = .sealed, keys: EncryptionKeys = EncryptionKeys()) {
        self.service = service
        self.form = form
        self.keys = { keys }
        reload = { false }
    }
}
