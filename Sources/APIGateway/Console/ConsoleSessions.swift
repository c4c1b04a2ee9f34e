import Crypto
import Foundation
import PetProRuntime
import Rookery
import Synchronization

/// Who has signed in to the console.
///
/// Bounded: ``most`` sessions, each at most ``age`` old. They are gone when the gateway stops.
final class ConsoleSessions: Sendable {
    /// A signed-in browser.
    struct Session: Sendable, Equatable {
        /// Operators read; administrators act too.
        let role: Role
        /// What each request that acts must show in `X-CSRF-Token`: a page of another origin cannot read it.
        let csrf: String
        /// The account that signed in. Nil for the link of the start.
        let account: Int?
        fileprivate let until: ContinuousClock.Instant
        /// When it is to be found out again whether the account still has its role.
        fileprivate(set) var checkAt: ContinuousClock.Instant

        /// Who it is, in the audit log.
        var actor: String { account.map(AuditEvent.user) ?? "console link" }
    }

    /// What a browser may do.
    enum Role: String, Sendable {
        case ops, admin
    }

    /// The most sessions: 64. A further one ends the oldest.
    static let most = 64
    /// The most sessions of one account: 8. A further one ends its oldest.
    static let mostOfAccount = 8
    /// How long a session lasts: 12 h.
    static let age: Duration = .seconds(12 * 3600)
    /// How often it is found out whether an account still has its role: each 60 s.
    static let checkInterval: Duration = .seconds(60)
    /// How long the one-time token can be used: 15 min.
    static let tokenAge: Duration = .seconds(900)

    private struct State {
        /// By the hash of their ids, so that no comparison tells anything about one.
        var sessions: [String: Session] = [:]
        /// The keys of the sessions, the oldest first. Some may have ended.
        var order: [String] = []
        /// The hash of the one-time token, until it was used.
        var token: String?
    }

    private let state: Mutex<State>
    private let start: ContinuousClock.Instant
    private let now: @Sendable () -> ContinuousClock.Instant

    /// Makes an empty table. `token` opens one session, for an administrator. Nil for none.
    init(token: String?, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        start = now()
        self.now = now
        state = Mutex(State(token: token.map(Self.hash)))
    }

    private static func hash(_ text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { String($0, radix: 16) }.joined(separator: ".")
    }

    /// Opens a session for the one-time token. Nil if it is not the one, or was used, or is too old.
    func open(token: String) -> (id: String, session: Session)? {
        let isRight = state.withLock { state in
            guard let right = state.token, right == Self.hash(token), now() < start + Self.tokenAge else {
                return false
            }
            state.token = nil
            return true
        }
        return isRight ? open(.admin, account: nil) : nil
    }

    /// Opens a session of an account.
    func open(_ role: Role, account: Int?) -> (id: String, session: Session) {
        let id = ConsoleSecret.make()
        let session = Session(
            role: role, csrf: ConsoleSecret.make(), account: account, until: now() + Self.age,
            checkAt: now() + Self.checkInterval)
        state.withLock { state in
            let own = account.map { account in state.order.filter { state.sessions[$0]?.account == account } } ?? []
            if own.count >= Self.mostOfAccount, let oldest = own.first { state.sessions[oldest] = nil }
            state.order.removeAll { state.sessions[$0] == nil }
            state.sessions[Self.hash(id)] = session
            state.order.append(Self.hash(id))
            while state.order.count > Self.most { state.sessions[state.order.removeFirst()] = nil }
        }
        return (id, session)
    }

    /// The session with an id. Nil if there is none, or none any more.
    subscript(id: String) -> Session? {
        state.withLock { state in
            guard let session = state.sessions[Self.hash(id)], session.until > now() else { return nil }
            return session
        }
    }

    /// The account of a session whose role is to be found out again. It is said once for each interval. Nil if it is not due.
    func dueAccount(_ id: String) -> Int? {
        state.withLock { state in
            let key = Self.hash(id)
            guard let session = state.sessions[key], let account = session.account, session.checkAt <= now() else {
                return nil
            }
            state.sessions[key]?.checkAt = now() + Self.checkInterval
            return account
        }
    }

    /// Has the role be found out with the next request, because it could not be.
    func checkAgain(_ id: String) { state.withLock { $0.sessions[Self.hash(id)]?.checkAt = now() } }

    /// Ends a session.
    func close(_ id: String) { state.withLock { _ = $0.sessions.removeValue(forKey: Self.hash(id)) } }
}
