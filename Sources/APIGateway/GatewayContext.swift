import Hummingbird
import Logging
import NIOCore
import PetProContracts
import Rookery

/// What a request's handler knows of its connection.
struct GatewayContext: RequestContext {
    /// Where a request comes from.
    struct Source: RequestContextSource {
        let logger: Logger
        let channel: any Channel
        /// See ``GatewayContext/peer``.
        let peer: String
    }

    var coreContext: CoreRequestContextStorage
    private let channel: any Channel
    /// The client's address, without a port: of IPv6 the /64. Known also when the client has left.
    let peer: String
    /// The trace that the request belongs to; empty until ``TraceMiddleware`` has found out.
    var traceId = ""
    /// Who calls, once the token has been found good.
    var user: TokenUser?

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = source.peer
    }

    /// Whether the client is still there.
    var isOpen: Bool { channel.isActive }

    /// Calls `body` when the connection is gone.
    func onClose(_ body: @escaping @Sendable () -> Void) { channel.closeFuture.whenComplete { _ in body() } }
}
