import Hummingbird
import NIOCore
import Rookery

/// What a request's handler knows of its connection.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel
    /// The client's address, without a port: of IPv6 the /64. Known also when the client has left.
    let peer: String

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = ConnectionTable.peer(source.channel.remoteAddress)
    }

    /// Whether the client is still there.
    var isOpen: Bool { channel.isActive }

    /// Calls `body` when the connection is gone.
    func onClose(_ body: @escaping @Sendable () -> Void) { channel.closeFuture.whenComplete { _ in body() } }
}
