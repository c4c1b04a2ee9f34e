package import NIOCore
package import NIOPosix

/// Event loops with their executors. A server and a client that share them use the same loops: a call made while
/// handling a message leaves on the loop on which the message came.
///
/// A server's handlers run on the loops. A handler that computes for long, or blocks, holds up every connection of its
/// loop. The watchdog logs the name of its command after 250 ms.
package final class EventLoops: Sendable {
    /// The loops of the whole process, one per core. They are never shut down.
    package static let shared = EventLoops(MultiThreadedEventLoopGroup.singleton)

    /// The group that owns the threads.
    package let group: MultiThreadedEventLoopGroup
    /// An executor for each loop, in the group's order.
    package let executors: [LoopExecutor]
    private let positions: [ObjectIdentifier: Int]
    /// Reports handlers that hold one of the loops.
    package let watchdog: LoopWatchdog

    private init(_ group: MultiThreadedEventLoopGroup) {
        self.group = group
        let loops = Array(group.makeIterator())
        executors = loops.map { LoopExecutor(eventLoop: $0) }
        watchdog = LoopWatchdog(executors)
        positions = Dictionary(
            loops.enumerated().map { (ObjectIdentifier($1), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Makes loops of its own, on `threads` threads. ``shutDown()`` ends them.
    package convenience init(threads: Int) {
        self.init(MultiThreadedEventLoopGroup(numberOfThreads: threads))
    }

    /// Ends the threads. Close all connections before.
    package func shutDown() async throws {
        try await group.shutdownGracefully()
    }

    /// The index in ``executors`` of the current thread's loop; nil on other threads.
    package var currentPosition: Int? {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else { return nil }
        return positions[ObjectIdentifier(loop)]
    }

    /// Returns the executor of a loop, or the first one if the loop is not among these.
    package func executor(for loop: any EventLoop) -> LoopExecutor {
        executors[positions[ObjectIdentifier(loop)] ?? 0]
    }
}
