import NIOCore
import NIOPosix
import RookeryWire

/// Compresses and inflates large payloads on NIO's shared thread pool, because an event loop also serves other
/// connections.
enum PayloadPool {
    /// The size from which a payload uses the pool, in uncompressed bytes: 256 KiB, a few milliseconds of work.
    static let threshold = 256 * 1024

    /// Compresses a payload, then calls `done` on `loop`.
    static func compress(
        _ payload: EncodedPayload, _ loop: any EventLoop, done: @escaping @Sendable (EncodedPayload) -> Void
    ) {
        NIOThreadPool.singleton.submit { _ in
            var payload = payload
            payload.compress()
            let compressed = payload
            loop.execute { done(compressed) }
        }
    }

    /// Compresses bytes, then calls `done` on `loop` with the compressed form, or with nil if compression is not worth
    /// it.
    static func compress(_ bytes: [UInt8], _ loop: any EventLoop, done: @escaping @Sendable ([UInt8]?) -> Void) {
        NIOThreadPool.singleton.submit { _ in
            let small = bytes.withUnsafeBytes { Compression().compress($0) }
            loop.execute { done(small) }
        }
    }

    /// Runs `read`, which inflates, then calls `done` on `loop` with its result.
    static func read<Result: Sendable>(
        _ loop: any EventLoop, _ read: @escaping @Sendable (Compression) -> Result,
        done: @escaping @Sendable (Result) -> Void
    ) {
        NIOThreadPool.singleton.submit { _ in
            let result = read(Compression())
            loop.execute { done(result) }
        }
    }
}
