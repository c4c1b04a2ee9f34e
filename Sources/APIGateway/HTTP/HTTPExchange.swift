import NIOCore
import NIOHTTP1
import Rookery

/// One connection's course through its requests: what may come next, and until when. Meaning only; what it decides is done
/// by ``HTTPConnection``.
struct HTTPExchange: Sendable {
    enum Phase: Sendable, Hashable {
        /// Without a request.
        case idle
        /// A head has begun.
        case head
        /// A body has begun.
        case body
        /// The request is complete, or refused, and its response is being made or written.
        case responding
        /// Nothing more will be said; what still comes is thrown away, so that the client gets to read what was said.
        case lingering
        case closed
    }

    /// What to do with a request's head.
    enum HeadDecision: Sendable {
        /// Take its body; with `tellContinue` the client waits to be told so (RFC 9110, 10.1.1).
        case take(tellContinue: Bool)
        case refuse(Problem)
    }

    /// What to do when the time is over.
    enum Lateness: Sendable {
        /// Close, without a word.
        case close
        case refuse(Problem)
    }

    /// How long a connection that is done listens on, so that no reset overtakes the response. 1 s.
    static let lingerTimeout: Duration = .seconds(1)

    private let limits: HTTPLimits
    private(set) var phase = Phase.idle
    /// When something must have happened; nil when nothing is waited for.
    private(set) var deadline: NIODeadline?
    /// Whether the connection lives on after the response.
    private(set) var keepsAlive = true
    private var bodyBytes = 0
    private var unwritten = 0
    private var hasServed = false

    init(_ limits: HTTPLimits, at now: NIODeadline) {
        self.limits = limits
        deadline = now + TimeAmount(limits.headTimeout)
    }

    private mutating func enter(_ phase: Phase, _ timeout: Duration?, at now: NIODeadline) {
        self.phase = phase
        deadline = timeout.map { now + TimeAmount($0) }
    }

    // MARK: What the client does

    /// Bytes came: outside of a request they begin one.
    mutating func bytesCame(at now: NIODeadline) {
        guard phase == .idle else { return }
        phase = .head
        // A new connection's time runs from its first moment.
        if hasServed { deadline = now + TimeAmount(limits.headTimeout) }
    }

    mutating func headCame(_ head: HTTPRequestHead, at now: NIODeadline) -> HeadDecision {
        if let problem = HeadCheck.problem(head, bodyLimit: limits.body) { return .refuse(problem) }
        keepsAlive = keepsAlive && HeadCheck.keepsAlive(head)
        bodyBytes = 0
        enter(.body, limits.bodyTimeout, at: now)
        return .take(tellContinue: HeadCheck.wantsContinue(head))
    }

    /// Part of a body came; gives why it is refused, if it is.
    mutating func bodyCame(_ bytes: Int) -> Problem? {
        bodyBytes += bytes
        return bodyBytes > limits.body ? .tooLarge(limit: limits.body) : nil
    }

    /// The request is complete.
    mutating func requestEnded(at now: NIODeadline) {
        enter(.responding, nil, at: now)
        hasServed = true
    }

    /// The request is answered without being looked at further; nothing after it is understood.
    mutating func refused(at now: NIODeadline) {
        keepsAlive = false
        enter(.responding, nil, at: now)
    }

    /// The client will send no more; gives whether the connection is closed for that at once.
    mutating func inputEnded() -> Bool {
        keepsAlive = false
        return phase != .responding
    }

    // MARK: What is answered

    /// Part of a response is to be written.
    mutating func writes(_ bytes: Int, at now: NIODeadline) {
        unwritten += bytes
        if unwritten == bytes, phase == .responding { deadline = now + TimeAmount(limits.writeTimeout) }
    }

    /// The network took part of a response.
    mutating func wrote(_ bytes: Int, at now: NIODeadline) {
        unwritten -= bytes
        guard phase == .responding else { return }
        deadline = unwritten > 0 ? now + TimeAmount(limits.writeTimeout) : nil
    }

    /// The network took the end of a response; gives whether another request may come.
    mutating func responseEnded(at now: NIODeadline) -> Bool {
        guard phase == .responding else { return false }
        if keepsAlive {
            enter(.idle, limits.idle, at: now)
        } else {
            enter(.lingering, Self.lingerTimeout, at: now)
        }
        return keepsAlive
    }

    mutating func closed() {
        phase = .closed
        deadline = nil
    }

    // MARK: Time

    /// What is to be done now that the deadline has passed.
    mutating func late() -> Lateness {
        switch phase {
        case .head, .body: .refuse(.requestTimeout)
        case .idle, .responding, .lingering, .closed: .close
        }
    }

    /// The gateway stops; gives whether the connection is closed for that at once, because it is not being answered.
    mutating func stop() -> Bool {
        keepsAlive = false
        return phase != .responding && phase != .lingering
    }
}
