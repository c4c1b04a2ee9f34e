import Crypto
import PetProContracts
import Rookery
import Synchronization

/// A cache of verified tokens, so that a token's signature is verified once and not for each request. It stores
/// digests, so the cache gives no session.
final class VerifiedTokens: Sendable {
    /// The claims of a valid token.
    struct Claims: Sendable {
        var userId: Int
        var expiresAt: Instant
    }

    /// The most tokens of a generation. There are two generations, so that tokens in use stay in the cache.
    private static let generation = 4096

    private struct State {
        var young: [SHA256Digest: Claims] = [:]
        var old: [SHA256Digest: Claims] = [:]
    }
    private let state = Mutex(State())

    static func digest(_ token: String) -> SHA256Digest { SHA256.hash(data: Array(token.utf8)) }

    subscript(digest: SHA256Digest) -> Claims? {
        get {
            state.withLock { state in
                if let known = state.young[digest] { return known }
                guard let known = state.old[digest] else { return nil }
                Self.add(known, digest, to: &state)
                return known
            }
        }
        set {
            guard let newValue else { return }
            state.withLock { Self.add(newValue, digest, to: &$0) }
        }
    }

    private static func add(_ claims: Claims, _ digest: SHA256Digest, to state: inout State) {
        if state.young.count >= generation {
            state.old = state.young
            state.young = [:]
        }
        state.young[digest] = claims
    }
}
