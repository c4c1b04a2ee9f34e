/// A request as it was seen: who called whom, when, and with what result.
public struct ObservedTrace: Sendable, Hashable {
    /// One attempt of a call.
    public struct Attempt: Sendable, Hashable {
        /// From 1.
        public let number: Int
        /// The instance, `HOST:PORT`.
        public let instance: String
        /// Nanoseconds from the beginning of the request.
        public let start: Int64
        /// Nanoseconds from the beginning of the request.
        public let end: Int64
        /// The code of its failure. Nil if it was answered.
        public let failure: String?

        /// Makes an attempt.
        public init(number: Int, instance: String, start: Int64, end: Int64, failure: String?) {
            self.number = number
            self.instance = instance
            self.start = start
            self.end = end
            self.failure = failure
        }
    }

    /// One call between two services, with all its attempts.
    public struct Call: Sendable, Hashable {
        /// Who called whom, with which command.
        public let arrow: SequencePath.Arrow
        /// Nanoseconds from the beginning of the request.
        public let start: Int64
        /// Nanoseconds from the beginning of the request.
        public let end: Int64
        /// The code of its error or refusal. Nil if it succeeded.
        public let code: String?
        /// Whether the error is a failure, and not a refusal that the contract declares.
        public let isFailure: Bool
        /// Its attempts in their order.
        public let attempts: [Attempt]
        /// How many milliseconds the call had at its beginning until its deadline. Nil without a deadline, and if it is not known.
        public let left: Int?
        /// Whether it delivers an event. Then no call waits for it, and it is no part of the way that the request took.
        public let isEvent: Bool
        /// Its message as JSON, without texts. Nil if it is not known.
        public let message: String?
        /// The reply to it as JSON, without texts. Nil without one, and if it is not known.
        public let reply: String?

        /// Makes a call.
        public init(
            arrow: SequencePath.Arrow, start: Int64, end: Int64, code: String?, isFailure: Bool, attempts: [Attempt],
            left: Int? = nil, isEvent: Bool = false, message: String? = nil, reply: String? = nil
        ) {
            self.arrow = arrow
            self.start = start
            self.end = end
            self.code = code
            self.isFailure = isFailure
            self.attempts = attempts
            self.left = left
            self.isEvent = isEvent
            self.message = message
            self.reply = reply
        }
    }

    /// The trace id: 32 hexadecimal digits.
    public let id: String
    /// The method and the route, such as `GET /api/products/{id}/availability`.
    public let operation: String
    /// The path that was asked for.
    public let path: String
    /// The HTTP status. Nil for a request that has not ended.
    public let status: Int?
    /// The beginning, in nanoseconds since 1970.
    public let start: UInt64
    /// How long it took, in nanoseconds.
    public let duration: Int64
    /// The calls in the order of their beginnings.
    public let calls: [Call]
    /// The participant at which it begins.
    public let entry: String
    /// Whether a client asked for it. If not, the participant began by itself.
    public let isAsked: Bool
    /// Whether it failed.
    public let isFailure: Bool

    /// Makes a trace.
    public init(
        id: String, operation: String, path: String, status: Int?, start: UInt64, duration: Int64, calls: [Call],
        entry: String = gateway, isAsked: Bool = true, isFailure: Bool = false
    ) {
        self.id = id
        self.operation = operation
        self.path = path
        self.status = status
        self.start = start
        self.duration = duration
        self.calls = calls
        self.entry = entry
        self.isAsked = isAsked
        self.isFailure = isFailure
    }

    /// The trace with its first calls, at most `count`, without their messages, and at most 16 attempts of each.
    public func trimmed(to count: Int) -> ObservedTrace {
        let first = calls.prefix(count).map { call in
            call.attempts.count <= 16 && call.message == nil
                ? call
                : Call(
                    arrow: call.arrow, start: call.start, end: call.end, code: call.code, isFailure: call.isFailure,
                    attempts: Array(call.attempts.prefix(16)), left: call.left, isEvent: call.isEvent)
        }
        return ObservedTrace(
            id: id, operation: operation, path: path, status: status, start: start, duration: duration, calls: first,
            entry: entry, isAsked: isAsked, isFailure: isFailure)
    }

    /// The way that it took.
    public var sequence: SequencePath {
        SequencePath(arrows: calls.filter { !$0.isEvent }.map(\.arrow), status: status)
    }

    /// The trace as a diagram: each call and its answer, in the order of time. `order` are participants in their order, from the
    /// left; the trace's others follow.
    public func diagram(order: [String], title: String = "") -> SequenceDiagram {
        var used: [String] = isAsked ? [SequenceDiagram.client, entry] : [entry]
        for call in calls {
            for name in [call.arrow.from, call.arrow.to] where !used.contains(name) { used.append(name) }
        }
        let participants = order.filter(used.contains) + used.filter { !order.contains($0) }
        var timed: [(at: Int64, rank: Int, message: SequenceDiagram.Message)] = []
        if isAsked { timed.append((-1, 0, .init(from: SequenceDiagram.client, to: entry, text: operation))) }
        for call in calls {
            let arrow = call.arrow
            let tries = call.attempts.count > 1 ? ", \(call.attempts.count) attempts" : ""
            let name = call.isEvent ? "event \(arrow.name)" : "\(arrow.name)()"
            timed.append((call.start, 1, .init(from: arrow.from, to: arrow.to, text: name + tries)))
            let text = "\(call.code ?? "ok"), \(Self.milliseconds(call.end - call.start))"
            timed.append((call.end, 0, .init(from: arrow.to, to: arrow.from, text: text, isReply: true)))
        }
        if isAsked {
            let answer = "\(status.map { "\($0)" } ?? (isFailure ? "failed" : "ok")), \(Self.milliseconds(duration))"
            timed.append((duration, 2, .init(from: entry, to: SequenceDiagram.client, text: answer, isReply: true)))
        }
        // What goes on after the answer comes after it.
        timed.sort { ($0.at, $0.rank) < ($1.at, $1.rank) }
        return SequenceDiagram(
            title: title, participants: participants, steps: timed.map { .message($0.message) })
    }

    /// The participant that takes the client's requests.
    public static let gateway = "APIGateway"

    /// `2.4 ms`
    public static func milliseconds(_ nanoseconds: Int64) -> String {
        let tenths = (nanoseconds + 50_000) / 100_000
        return tenths >= 1000 ? "\(tenths / 10) ms" : "\(tenths / 10).\(tenths % 10) ms"
    }
}
