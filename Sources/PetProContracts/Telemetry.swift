public import Rookery

/// What an instance tells the console about its calls.
@Contract
public protocol TelemetryAPI: Sendable {
    /// Returns the spans of some traces that have ended, as far as the instance still has them: it keeps those of its last 2048
    /// traces, at most 128 of each. Unknown traces have none.
    @MessagePattern(cmd: "read-spans", .safe, group: "telemetry", errors: [])
    func readSpans(_ request: ReadSpans) async throws -> SpanBatch

    /// Returns the outline of each of some traces, in their order: a number for what the instance did. Equal numbers mean the same
    /// commands, called and handled in the same order, and the same error codes. Deliveries of events count too. 0 for a trace that the
    /// instance does not have, or not with all its spans.
    @MessagePattern(cmd: "read-outlines", .safe, group: "telemetry", errors: [])
    func readOutlines(_ request: ReadOutlines) async throws -> OutlineBatch
}

/// Asks for the spans of traces.
@Message
public struct ReadSpans {
    /// The most traces of one request.
    public static let limit = 16

    /// The ids of the traces: 32 hexadecimal digits each.
    @Items(0...16) public var traces: [TraceID]
}

/// Asks for the outlines of traces.
@Message
public struct ReadOutlines {
    /// The most traces of one request.
    public static let limit = 256

    /// The ids of the traces: 32 hexadecimal digits each.
    @Items(0...256) public var traces: [TraceID]
}

/// What an instance did in traces.
@Message
public struct OutlineBatch: Hashable {
    /// One for each trace that was asked for.
    @Items(0...256) public var outlines: [Int]
}

/// The id of a trace.
@Message
public struct TraceID: Hashable {
    /// 32 hexadecimal digits.
    @Matches(/[0-9a-f]{32}/) @NotPersonal("a random number") public var id: String
}

/// Spans that have ended.
@Message
public struct SpanBatch: Hashable {
    /// The most spans of a batch: 128 of each trace that may be asked for.
    public static let limit = 2048

    @Items(0...2048) public var spans: [SpanRecord]
}

/// A span that has ended: who called whom, when, and with what outcome.
@Message
public struct SpanRecord: Hashable, Sendable {
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
        /// Something else, within a service.
        case other
    }

    /// What the span is about.
    public var kind: Kind
    /// 32 hexadecimal digits.
    @Matches(/[0-9a-f]{32}/) @NotPersonal("a random number") public var trace: String
    /// 16 hexadecimal digits.
    @Matches(/[0-9a-f]{16}/) @NotPersonal("a random number") public var id: String
    /// 16 hexadecimal digits. Nil for the root of a trace.
    @Matches(/[0-9a-f]{16}/) @NotPersonal("a random number") public var parent: String?
    /// The command; of a request, its method and its route.
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
    /// The HTTP status of a request. Nil for others.
    public var status: Int?
    /// The path of a request, with the route's own parameters in place of those that are not plainly a number or an id. Nil for
    /// others, and if no route matches.
    @Length(0...256) @NotPersonal("a route, with numbers and ids") public var path: String?
    /// How many milliseconds a call had at its beginning until its deadline. Nil for others, and without a deadline.
    public var left: Int?
    /// The message of a call as JSON, without its texts. Nil for others, and if its process keeps no messages.
    @Length(0...512) @NotPersonal("a message without its texts") public var message: String?
    /// The reply to a call as JSON, without its texts. Nil for others, without a reply, and if its process keeps no messages.
    @Length(0...512) @NotPersonal("a reply without its texts") public var reply: String?
}
