import NIOCore
import NIOPosix

/// Finds ports on which no program listens.
package enum FreePorts {
    /// No row of free ports was found.
    package struct NotFound: Error {}

    /// Returns the first of `count` consecutive free ports of 127.0.0.1. The first port is from 20000 to 32000.
    ///
    /// Another program may take a port before it is used. Throws ``NotFound`` after 1000 tries.
    package static func first(of count: Int) async throws -> Int {
        for _ in 0..<1000 {
            let first = Int.random(in: 20_000...32_000)
            var channels: [any Channel] = []
            for port in first..<(first + count) {
                // If a port is taken, the count below is too small, and the loop tries another row.
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
