import NIOCore
import NIOPosix
import RookeryWire

/// Compresses and inflates large payloads on threads of its own: an event loop has others to serve.
enum PayloadPool {
    /// Payloads of so many bytes, not compressed, go there. 256 KiB: a few milliseconds of work.
    static let threshold = 256 * 1024

    /// Compresses a payload; `done` is called on `loop`.
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

    /// The compressed form, or nil when it is not worth it; `done` is called on `loop`.
    static func compress(_ bytes: [UInt8], _ loop: any EventLoop, done: @escaping @Sendable ([UInt8]?) -> Void) {
        NIOThreadPool.singleton.submit { _ in
            let small = bytes.withUnsafeBytes { Compression().compress($0) }
            loop.execute { done(small) }
        }
    }

    /// Runs `read`, which inflates, and gives what it gives to `done` on `loop`.
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
