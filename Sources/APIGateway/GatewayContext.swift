import Hummingbird
import Logging
import NIOCore
import PetProContracts
import Rookery

/// The context of a request: its connection, trace and caller.
struct GatewayContext: RequestContext {
    /// The connection that a request came on.
    struct Source: RequestContextSource {
        let logger: Logger
        let channel: any Channel
        /// See ``GatewayContext/peer``.
        let peer: String
    }

    var coreContext: CoreRequestContextStorage
    private let channel: any Channel
    /// The client's address without its port, or its /64 for IPv6. Still valid after the client has disconnected.
    let peer: String
    /// The id of the request's trace. Empty until ``TraceMiddleware`` sets it.
    var traceId = ""
    /// The caller's account. Nil until Auth has validated the token.
    var user: TokenUser?

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = source.peer
    }

    /// Whether the connection is open.
    var isOpen: Bool { channel.isActive }

    /// Calls `body` when the connection has closed.
    func onClose(_ body: @escaping @Sendable () -> Void) { channel.closeFuture.whenComplete { _ in body() } }
}
