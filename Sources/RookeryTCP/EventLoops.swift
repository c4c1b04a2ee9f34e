package import NIOCore
package import NIOPosix

/// Event loops with their executors. Servers and clients that share them share connections' loops: a call made while
/// handling a message leaves on the loop on which the message came.
///
/// A server's handlers run on the loops. One that computes for long, or blocks, holds up every connection of its loop; it
/// is reported after 250 ms with the name of its command.
package final class EventLoops: Sendable {
    /// One loop per core, for the whole process; never shut down.
    package static let shared = EventLoops(MultiThreadedEventLoopGroup.singleton)

    /// The threads below.
    package let group: MultiThreadedEventLoopGroup
    /// An executor for each loop, in the group's order.
    package let executors: [LoopExecutor]
    private let positions: [ObjectIdentifier: Int]
    package let watchdog: LoopWatchdog

    private init(_ group: MultiThreadedEventLoopGroup) {
        self.group = group
        let loops = Array(group.makeIterator())
        executors = loops.map { LoopExecutor(eventLoop: $0) }
        watchdog = LoopWatchdog(executors)
        positions = Dictionary(
            loops.enumerated().map { (ObjectIdentifier($1), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Loops of its own, on `threads` threads. ``shutDown()`` ends them.
    package convenience init(threads: Int) {
        self.init(MultiThreadedEventLoopGroup(numberOfThreads: threads))
    }

    /// Ends the threads. Connections must be closed before.
    package func shutDown() async throws {
        try await group.shutdownGracefully()
    }

    /// Which of the executors runs on this thread; nil when it is no thread of these loops.
    package var currentPosition: Int? {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else { return nil }
        return positions[ObjectIdentifier(loop)]
    }

    /// The executor of a loop.
    package func executor(for loop: any EventLoop) -> LoopExecutor {
        executors[positions[ObjectIdentifier(loop)] ?? 0]
    }
}
