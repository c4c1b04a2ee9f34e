import NIOCore
import NIOPosix

/// A TCP server that answers the bytes of each connection with the result of a function.
package struct ScriptedPeer: Sendable {
    /// How the server answers the bytes of a client.
    package enum Answer: Sendable {
        /// Write these bytes.
        case write([UInt8])
        /// Write these bytes, then close the connection.
        case writeAndClose([UInt8])
        /// Write nothing.
        case silence
    }

    private let channel: any Channel

    /// The port on which the server listens.
    package var port: Int { channel.localAddress?.port ?? 0 }

    /// Listens on a free port of 127.0.0.1 while `body` runs.
    ///
    /// Calls `answer` whenever bytes arrive, with all bytes that the connection has sent so far.
    package static func running<Result: Sendable>(
        _ answer: @escaping @Sendable ([UInt8]) -> Answer, _ body: (ScriptedPeer) async throws -> Result
    ) async throws -> Result {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let result = try await body(ScriptedPeer(channel: channel))
            try await channel.close().get()
            return result
        } catch {
            try await channel.close().get()
            throw error
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let answer: @Sendable ([UInt8]) -> Answer
        private var received: [UInt8] = []

        init(_ answer: @escaping @Sendable ([UInt8]) -> Answer) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
            switch answer(received) {
            case .write(let bytes):
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
            case .writeAndClose(let bytes):
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
                context.close(promise: nil)
            case .silence: break
            }
        }
    }
}
