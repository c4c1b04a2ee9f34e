import Hummingbird
import NIOCore
import Rookery

/// What a request's handler knows of its connection.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The client's address, without a port: of IPv6 the /64.
    var peer: String { ConnectionTable.peer(channel.remoteAddress) }

    /// Calls `body` when the connection is gone.
    func onClose(_ body: @escaping @Sendable () -> Void) { channel.closeFuture.whenComplete { _ in body() } }
}
