/// What differs for some calls from what the client and the contract say.
public struct CallOptions: Sendable {
    /// How long a call may take, all attempts included; for a stream, how long it may be silent. Nil for what the client's
    /// settings or the command say.
    public var timeout: Duration?
    /// How much the calls matter when the service has too much to do. Nil: as much as the message being handled, or else
    /// `.default`.
    public var criticality: Criticality?
    /// The key by which the service knows a `.keyed` call again. Nil: derived from the key of the message being handled, or
    /// else random for each call.
    public var idempotencyKey: String?
    /// What travels along, beside what is in ``Tracing/ServiceContext``.
    public var metadata: [String: String] = [:]

    package init() {}
}
