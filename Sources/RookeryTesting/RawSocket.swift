import NIOCore
import NIOPosix

/// A plain socket, to which a test writes what no client would.
package struct RawSocket {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var received: [UInt8] = []

    private init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound
        self.outbound = outbound
    }

    /// Connects to a port of this machine for the length of `body`, from an address of it: `127.0.0.2` is another peer than
    /// `127.0.0.1`.
    package static func connected<Result: Sendable>(
        to port: Int, from address: String = "127.0.0.1",
        _ body: @Sendable @escaping (inout RawSocket) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .bind(to: try SocketAddress(ipAddress: address, port: 0))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var socket = RawSocket(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&socket)
        }
    }

    /// Writes bytes.
    package func write(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

    /// Writes text.
    package func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    /// Writes no more, which the peer is told; goes on reading.
    package func finish() { outbound.finish() }

    /// Reads until that many bytes have come in all, or the peer closes; gives all that has come.
    package mutating func read(_ count: Int) async throws -> [UInt8] {
        while received.count < count, let bytes = try await inbound.next(isolation: #isolation) {
            received.append(contentsOf: bytes.readableBytesView)
        }
        return received
    }

    /// Reads until the peer closes; a reset counts as that. Gives all that has come.
    package mutating func readToEnd() async -> [UInt8] {
        do {
            while let bytes = try await inbound.next(isolation: #isolation) {
                received.append(contentsOf: bytes.readableBytesView)
            }
        } catch {
            // The peer closed while bytes from here were on their way.
        }
        return received
    }
}
