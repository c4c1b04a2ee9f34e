import NIOCore

/// One connection of a load.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let run: LoadRun
    private let number: Int
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var due: NIODeadline?
    private var failure: String?

    init(_ run: LoadRun, _ number: Int) {
        self.run = run
        self.number = number
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        run.connected(self)
    }

    func send(_ request: ByteBuffer, due: NIODeadline) {
        self.due = due
        context?.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        do {
            while let response = try ResponseScanner.next(&received) {
                guard let due else { throw ResponseScanner.Malformed(description: "an answer without a request") }
                self.due = nil
                run.answered(response.status, due: due)
                if response.isLast { return context.close(promise: nil) }
                run.free(self)
            }
        } catch {
            failure = "\(error)"
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        run.lost(failure ?? "connection closed", number, due: due)
        due = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
