import NIOCore
import NIOPosix

/// Ports on which no program listens.
package enum FreePorts {
    /// There are none in a row.
    package struct NotFound: Error {}

    /// The first of `count` free ports in a row, on this machine's loopback. Nothing keeps another program from taking one before
    /// it is used.
    package static func first(of count: Int) async throws -> Int {
        for _ in 0..<1000 {
            let first = Int.random(in: 20_000...32_000)
            var channels: [any Channel] = []
            for port in first..<(first + count) {
                // Taken: another row is tried.
                if let channel = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .bind(host: "127.0.0.1", port: port).get()
                {
                    channels.append(channel)
                }
            }
            for channel in channels { try await channel.close().get() }
            if channels.count == count { return first }
        }
        throw NotFound()
    }
}
