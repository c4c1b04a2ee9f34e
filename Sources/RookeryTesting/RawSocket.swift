import NIOCore
import NIOPosix

/// A plain TCP socket, for bytes that no client would send.
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

    /// Connects to a port of 127.0.0.1 while `body` runs.
    ///
    /// `address` is the local address. To a server, `127.0.0.2` is another peer than `127.0.0.1`.
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

    /// Closes the writing side of the connection. Reading goes on.
    package func finish() { outbound.finish() }

    /// Reads until `count` bytes have arrived in total, or the peer closes. Returns all bytes since the connection
    /// opened.
    package mutating func read(_ count: Int) async throws -> [UInt8] {
        while received.count < count, let bytes = try await inbound.next(isolation: #isolation) {
            received.append(contentsOf: bytes.readableBytesView)
        }
        return received
    }

    /// Reads until the peer closes or resets the connection. Returns all bytes since the connection opened.
    package mutating func readToEnd() async -> [UInt8] {
        do {
            while let bytes = try await inbound.next(isolation: #isolation) {
                received.append(contentsOf: bytes.readableBytesView)
            }
        } catch {
            // The peer closed before it had read all bytes from here, which resets the connection.
        }
        return received
    }
}
