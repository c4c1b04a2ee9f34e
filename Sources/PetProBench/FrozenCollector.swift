import NIOCore
import NIOPosix

/// A collector of spans that takes connections, and never reads or answers.
struct FrozenCollector {
    private let channel: any Channel
    /// How tables name it.
    let name = "ten requests a second, and an export to a collector that does not answer"
    /// Where it listens, on 127.0.0.1.
    var port: Int { channel.localAddress?.port ?? 0 }

    static func start() async throws -> FrozenCollector {
        FrozenCollector(
            channel: try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelOption(.autoRead, value: false)
                .bind(host: "127.0.0.1", port: 0).get())
    }

    func stop() async throws { try await channel.close().get() }
}
