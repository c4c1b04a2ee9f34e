import NIOCore
import NIOPosix

/// A load of HTTP requests that costs as little as can be: one event loop, requests that are made beforehand or by a closure,
/// answers of which only the status is read.
struct HTTPLoad: Sendable {
    /// How requests follow one another.
    enum Shape: Sendable {
        /// Each connection sends the next one when the last is answered.
        case closed(connections: Int)
        /// So many a second, whatever is answered; a request that finds no connection free waits, and its time runs.
        case open(rate: Int, connections: Int)
    }

    let port: Int
    let shape: Shape
    let seconds: Double
    /// Before anything is counted.
    var warmUp = 0.5
    /// The bytes of the request with that number.
    let request: @Sendable (Int) -> ByteBuffer
    /// Whether a status is the one that is wanted.
    var isWanted: @Sendable (Int) -> Bool = { (200..<300).contains($0) }

    /// Runs to its end. Throws when no connection can be made.
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
