/// Options of single calls, which override those of the client and the contract.
public struct CallOptions: Sendable {
    /// The timeout of a call, all attempts included. For a stream, the longest silence.
    ///
    /// Nil: the client's timeout for the command, or else the contract's timeout, or else the client's default.
    public var timeout: Duration?
    /// The criticality of the calls. Nil: that of the message being handled, or else `.default`.
    public var criticality: Criticality?
    /// The idempotency key of a `.keyed` call. Nil: derived from the key of the message being handled, or else random
    /// for each call.
    public var idempotencyKey: String?
    /// Additional metadata. It overrides the metadata in ``Tracing/ServiceContext``.
    public var metadata: [String: String] = [:]

    package init() {}
}
