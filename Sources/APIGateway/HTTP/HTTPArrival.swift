import NIOCore
import Rookery

/// The first handler of a connection, which sees bytes before the HTTP parser.
///
/// It begins a burst of the loop's executor for each read. The jobs that the bytes cause run at the end of the burst,
/// before the loop reads its sockets again.
final class HTTPArrival: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnection

    private let executor: LoopExecutor
    private var context: ChannelHandlerContext?

    init(_ connection: HTTPConnection, _ executor: LoopExecutor) {
        self.connection = connection
        self.executor = executor
        connection.arrival = self
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Writes bytes without the HTTP encoder, and flushes.
    func write(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let context else { return promise.fail(ChannelError.alreadyClosed) }
        context.writeAndFlush(NIOAny(bytes), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        executor.readBegan()
        if connection.sheds(unwrapInboundIn(data)) { return }
        connection.bytesCame()
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        executor.endBurst()
    }
}
