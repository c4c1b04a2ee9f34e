/// An event of the audit log. It has ids, and no text of a person.
public struct AuditEvent: Sendable, Hashable {
    /// What happened. Raw values are the names in the log.
    public enum Kind: String, Sendable, CaseIterable {
        /// A read of another person's data, or an export of one's own.
        case read
        /// A change of personal data.
        case changed
        /// A signed-in account asked for what its role does not allow.
        case refused
        case signInFailed = "sign-in-failed"
        /// A refresh token was used twice, so it may be stolen.
        case tokenReused = "token-reused"
        case passwordChanged = "password-changed"
        case accountMade = "account-made"
        case accountErased = "account-erased"
        case accountDisabled = "account-disabled"
        case accountEnabled = "account-enabled"
        /// A legal hold forbids to erase an account.
        case accountHeld = "account-held"
        /// A legal hold ended.
        case accountReleased = "account-released"
        /// A service key was used: for the first time since its server started, or since a day.
        case keyUsed = "key-used"
        /// Entries could not be written.
        case entriesLost = "entries-lost"
    }

    /// What happened.
    public var kind: Kind
    /// The account, service or person behind it: `user 57`, `service gateway`, `operator`. Nil when it is not known.
    public var actor: String?
    /// The account that it is about. Nil for what is not an account itself, such as a booking: ``object`` names that.
    public var subject: Int?
    /// The operation of the HTTP API.
    public var operation: String?
    /// What it was about: the path of a request, the id of a key, a number of entries.
    public var object: String?

    /// Makes an event.
    public init(
        _ kind: Kind, actor: String? = nil, subject: Int? = nil, operation: String? = nil, object: String? = nil
    ) {
        self.kind = kind
        self.actor = actor
        self.subject = subject
        self.operation = operation
        self.object = object
    }

    /// The name of an account as an actor.
    public static func user(_ id: Int) -> String { "user \(id)" }
}
