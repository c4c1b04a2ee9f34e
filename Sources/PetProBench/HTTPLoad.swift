import NIOCore
import NIOPosix

/// A load of HTTP requests that costs as little as possible.
///
/// It runs on one event loop, sends the bytes that a closure returns, and reads only the status and length of answers.
struct HTTPLoad: Sendable {
    /// How requests follow one another.
    enum Shape: Sendable {
        /// Each connection sends the next request when the last one is answered.
        case closed(connections: Int)
        /// Sends `rate` requests per second, whether or not earlier ones were answered.
        ///
        /// A request that finds no free connection waits, and its latency includes the wait.
        case open(rate: Int, connections: Int)
    }

    let port: Int
    let shape: Shape
    let seconds: Double
    /// The warm-up before the measurement, in seconds. Default 0.5.
    var warmUp = 0.5
    /// Returns the bytes of the request with this number.
    let request: @Sendable (Int) -> ByteBuffer
    /// Whether an answer with this status is a success. Default: 200 to 299.
    var isWanted: @Sendable (Int) -> Bool = { (200..<300).contains($0) }

    /// Runs the load to its end. Throws if one of the first connections cannot be opened.
    func run() async throws -> LoadResult {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        do {
            let result = try await loop.flatSubmit { LoadRun(self, loop).start() }.get()
            try await group.shutdownGracefully()
            return result
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }
}
