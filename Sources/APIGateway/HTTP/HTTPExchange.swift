import NIOCore
import NIOHTTP1
import Rookery

/// The state machine of one connection: decides what may come next, and by when. It does no I/O; ``HTTPConnection``
/// carries out its decisions.
struct HTTPExchange: Sendable {
    enum Phase: Sendable, Hashable {
        /// Between requests.
        case idle
        /// The first bytes of a head have come.
        case head
        /// The head is complete, and the request is not.
        case body
        /// The request is complete or refused, and its response is under way.
        case responding
        /// The last response is written. The connection discards further bytes, so that the client can read the
        /// response.
        case lingering
        case closed
    }

    /// The decision about a request's head.
    enum HeadDecision: Sendable {
        /// Take the body. With `tellContinue`, the client waits for 100 Continue (RFC 9110, 10.1.1).
        case take(tellContinue: Bool)
        case refuse(Problem)
    }

    /// The action after a deadline has passed.
    enum Lateness: Sendable {
        /// Close without a response.
        case close
        case refuse(Problem)
    }

    /// How long a connection stays open after its last response, so that no reset overtakes the response. 1 s.
    static let lingerTimeout: Duration = .seconds(1)

    private let limits: HTTPLimits
    private(set) var phase = Phase.idle
    /// When to call ``late()``, or nil when no timeout runs.
    private(set) var deadline: NIODeadline?
    /// Whether the connection stays open after the response.
    private(set) var keepsAlive = true
    private var bodyBytes = 0
    /// The largest body of the request.
    private var bodyLimit = 0
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

    // MARK: Requests

    /// Notes that bytes came. Between requests, they begin one.
    mutating func bytesCame(at now: NIODeadline) {
        guard phase == .idle else { return }
        phase = .head
        // For the first request, the time runs from the start of the connection.
        if hasServed { deadline = now + TimeAmount(limits.headTimeout) }
    }

    mutating func headCame(_ head: HTTPRequestHead, at now: NIODeadline) -> HeadDecision {
        bodyLimit = limits.body(of: head.uri)
        if let problem = HeadCheck.problem(head, bodyLimit: bodyLimit) { return .refuse(problem) }
        keepsAlive = keepsAlive && HeadCheck.keepsAlive(head)
        bodyBytes = 0
        enter(.body, limits.bodyTimeout, at: now)
        return .take(tellContinue: HeadCheck.wantsContinue(head))
    }

    /// Counts a part of a body. Returns the error when the body is over its limit.
    mutating func bodyCame(_ bytes: Int) -> Problem? {
        bodyBytes += bytes
        return bodyBytes > bodyLimit ? .tooLarge(limit: bodyLimit) : nil
    }

    /// Notes that the request is complete.
    mutating func requestEnded(at now: NIODeadline) {
        enter(.responding, nil, at: now)
        hasServed = true
    }

    /// Notes that the request is refused. The connection takes no further request.
    mutating func refused(at now: NIODeadline) {
        keepsAlive = false
        enter(.responding, nil, at: now)
    }

    /// Notes that the client will send no more. Returns whether to close the connection at once.
    mutating func inputEnded() -> Bool {
        keepsAlive = false
        return phase != .responding
    }

    // MARK: Responses

    /// Notes that a part of a response is to be written.
    mutating func writes(_ bytes: Int, at now: NIODeadline) {
        unwritten += bytes
        if unwritten == bytes, phase == .responding { deadline = now + TimeAmount(limits.writeTimeout) }
    }

    /// Notes that the network took a part of a response.
    mutating func wrote(_ bytes: Int, at now: NIODeadline) {
        unwritten -= bytes
        guard phase == .responding else { return }
        deadline = unwritten > 0 ? now + TimeAmount(limits.writeTimeout) : nil
    }

    /// Notes that the network took the end of a response. Returns whether another request may come.
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

    /// Returns the action for a deadline that has passed.
    mutating func late() -> Lateness {
        switch phase {
        case .head, .body: .refuse(.requestTimeout)
        case .idle, .responding, .lingering, .closed: .close
        }
    }

    /// Allows no request after the current one, for example because the gateway stops. Returns whether to close at
    /// once, because no response is under way.
    mutating func stop() -> Bool {
        keepsAlive = false
        return phase != .responding && phase != .lingering
    }
}
