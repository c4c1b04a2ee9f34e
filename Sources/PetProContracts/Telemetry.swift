public import Rookery

/// What an instance tells the console about its calls, under `petpro serve --demo`.
@Contract
public protocol TelemetryAPI: Sendable {
    /// Returns the spans that end from now on, in batches of at most 512, about every 50 ms. After 2 s without a span, an empty batch
    /// comes.
    ///
    /// An instance drops further spans while a reader is 8192 spans behind, and counts them in ``SpanBatch/missed``. No call waits for
    /// a reader. Ending the iteration ends the watch. Throws `OVERLOADED` if the instance has eight watches already.
    @StreamPattern(cmd: "watch-spans", group: "telemetry", errors: [])
    func watchSpans(_ request: WatchSpans) async throws -> MessageStream<SpanBatch>
}

/// Asks for the spans of an instance. It has no members.
@Message
public struct WatchSpans {}

/// Spans that have ended.
@Message
public struct SpanBatch: Hashable {
    @Items(0...512) public var spans: [SpanRecord]
    /// How many spans the watcher has missed since the last batch.
    @InRange(0...) public var missed: Int
}

/// A span of the toolkit that has ended: who called whom, when, and with what outcome. It has no data of a message.
@Message
public struct SpanRecord: Hashable {
    /// What a span is about.
    @Message
    public enum Kind: String {
        /// A request to the gateway.
        case request
        /// A call, with all its attempts.
        case call
        /// One attempt of a call at an instance.
        case attempt
        /// The handling of a message.
        case handling
    }

    /// What the span is about.
    public var kind: Kind
    /// 32 hexadecimal digits.
    @Matches(/[0-9a-f]{32}/) @NotPersonal("a random number") public var trace: String
    /// 16 hexadecimal digits.
    @Matches(/[0-9a-f]{16}/) @NotPersonal("a random number") public var id: String
    /// 16 hexadecimal digits. Nil for the root of a trace.
    @Matches(/[0-9a-f]{16}/) @NotPersonal("a random number") public var parent: String?
    /// The command, or the method of a request.
    @Length(0...256) @NotPersonal("the name of a command") public var name: String
    /// The service that is called, or that handles. Nil for an attempt, and for a request.
    @Length(0...256) @NotPersonal("the name of a service") public var service: String?
    /// The number of an attempt, from 1.
    public var attempt: Int?
    /// The instance of an attempt, `HOST:PORT`.
    @Length(0...256) @NotPersonal("the address of an instance") public var instance: String?
    /// Nanoseconds since 1970, by the clock of its process.
    public var start: Int
    /// Nanoseconds.
    @InRange(0...) public var duration: Int
    /// The code of an error or a refusal. Nil for success.
    @Length(0...256) @NotPersonal("the code of an error") public var code: String?
    /// Whether the error is a failure, and not a refusal that the contract declares.
    public var isFailure: Bool
}
