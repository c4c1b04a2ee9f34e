import NIOCore
import NIOPosix

/// A plain TCP socket that writes, and never reads.
package struct SilentSocket: Sendable {
    private let channel: any Channel

    /// Connects to a port of 127.0.0.1 while `body` runs. `address` is the local address.
    package static func connected<Result: Sendable>(
        to port: Int, from address: String = "127.0.0.1", _ body: (SilentSocket) async throws -> Result
    ) async throws -> Result {
        try await connected(1, to: port, from: address) { try await body($0[0]) }
    }

    /// Opens `count` connections while `body` runs. Throws if one cannot be opened.
    package static func connected<Result: Sendable>(
        _ count: Int, to port: Int, from address: String = "127.0.0.1",
        _ body: ([SilentSocket]) async throws -> Result
    ) async throws -> Result {
        var sockets: [SilentSocket] = []
        do {
            for _ in 0..<count {
                let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .channelOption(.autoRead, value: false)
                    .channelOption(.socketOption(.so_rcvbuf), value: 4096)
                    .bind(to: try SocketAddress(ipAddress: address, port: 0))
                    .connect(host: "127.0.0.1", port: port).get()
                sockets.append(SilentSocket(channel: channel))
            }
            let result = try await body(sockets)
            await close(sockets)
            return result
        } catch {
            await close(sockets)
            throw error
        }
    }

    private static func close(_ sockets: [SilentSocket]) async {
        for socket in sockets { try? await socket.channel.close().get() }
    }

    /// Writes text. Does not wait until the network has taken it, and ignores errors.
    package func write(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
}
