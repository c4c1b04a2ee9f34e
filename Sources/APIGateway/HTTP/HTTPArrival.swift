import NIOCore
import Rookery

/// Notes that bytes came, before the parser makes anything of them, and has everything that they cause done on this loop
/// before it looks at its sockets again.
final class HTTPArrival: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnection

    private let executor: LoopExecutor

    init(_ connection: HTTPConnection, _ executor: LoopExecutor) {
        self.connection = connection
        self.executor = executor
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        executor.beginBurst()
        connection.bytesCame()
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        executor.drain()
    }
}
