public import Rookery
import Synchronization

/// Which calls between services each HTTP request caused, by its trace: what the flows' diagrams show. For demonstrations:
/// it costs every call a lock.
///
/// Keeps the last 1000 traces, and of each the first 64 calls.
public final class CallLog: Sendable {
    /// One call.
    public struct Entry: Sendable, Hashable, CustomStringConvertible {
        /// The caller, by its name in the diagrams: `APIGateway`.
        public let caller: String
        /// Whom it called: `AuthService`.
        public let callee: String
        /// The method: `validateToken`.
        public let method: String

        /// `APIGateway→AuthService.validateToken`
        public var description: String { "\(caller)→\(callee).\(method)" }
    }

    private static let traceLimit = 1000
    private static let callLimit = 64
    /// A trace's id comes from a peer, who may send anything: longer ones are not kept.
    private static let idLimit = 64

    private struct State {
        var traces: [String: [Entry]] = [:]
        var order: [String] = []
    }
    private let state = Mutex(State())

    /// Makes an empty log.
    public init() {}

    /// The calls of a trace, in the order in which they were made.
    public func calls(of traceId: String) -> [Entry] {
        state.withLock { $0.traces[traceId] ?? [] }
    }

    /// How many calls are kept, of all traces.
    public var count: Int { state.withLock { $0.traces.values.reduce(0) { $0 + $1.count } } }

    func add(_ entry: Entry, to traceId: String) {
        guard traceId.utf8.count <= Self.idLimit else { return }
        state.withLock { state in
            if state.traces[traceId] == nil {
                state.order.append(traceId)
                if state.order.count > Self.traceLimit { state.traces[state.order.removeFirst()] = nil }
            }
            guard state.traces[traceId, default: []].count < Self.callLimit else { return }
            state.traces[traceId, default: []].append(entry)
        }
    }

    /// Notes the calls of `caller` to `callee`.
    public func interceptor(from caller: String, to callee: String) -> any ClientInterceptor {
        Recorder(log: self, caller: caller, callee: callee)
    }

    private struct Recorder: ClientInterceptor {
        let log: CallLog
        let caller: String
        let callee: String

        func intercept(
            _ call: OutgoingCall, next: (OutgoingCall) async throws -> Payload
        ) async throws -> Payload {
            if let traceId = call.metadata[MessageContext.requestIDKey] {
                log.add(Entry(caller: caller, callee: callee, method: call.command.name), to: traceId)
            }
            return try await next(call)
        }
    }
}
