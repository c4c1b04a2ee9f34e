import Logging
package import NIOCore
import Synchronization

/// Reports handlers that hold an event loop, by the names of their commands. While a handler holds a loop, the loop
/// serves nothing else.
///
/// Each server on the loops checks every 100 ms. Checking costs each message one store. The watchdog reports a held
/// loop once, whichever server checks first.
package final class LoopWatchdog: Sendable {
    /// How long a burst may last before its loop counts as held: 250 ms.
    static let limit: TimeAmount = .milliseconds(250)
    /// How often each server checks: 100 ms.
    static let interval: Duration = .milliseconds(100)

    private struct Seen {
        var activity: UInt64 = 0
        var since: NIODeadline
        var isReported = false
    }

    private let executors: [LoopExecutor]
    private let seen: Mutex<[Seen]>

    init(_ executors: [LoopExecutor]) {
        self.executors = executors
        let now = NIODeadline.now()
        seen = Mutex(executors.map { _ in Seen(since: now) })
    }

    /// Checks at each interval until the task is cancelled, and logs a warning for each held loop.
    func run(_ logger: Logger) async {
        while !Task.isCancelled {
            // Only cancellation ends the sleep early, and the loop checks for it.
            try? await Task.sleep(for: Self.interval)
            for (command, milliseconds) in held(at: .now()) {
                logger.warning(
                    "a handler holds an event loop; suspend it, or run its work on another thread",
                    metadata: ["command": "\(command)", "milliseconds": "\(milliseconds)"])
            }
        }
    }

    /// Returns the loops newly found to be held: the command whose handler began last, and how long the loop has been
    /// held.
    package func held(at now: NIODeadline) -> [(command: String, milliseconds: Int64)] {
        seen.withLock { seen in
            executors.indices.compactMap { at in
                let activity = executors[at].activity
                guard activity.isBusy, activity.number == seen[at].activity else {
                    seen[at] = Seen(activity: activity.number, since: now)
                    return nil
                }
                guard !seen[at].isReported, now - seen[at].since > Self.limit else { return nil }
                seen[at].isReported = true
                return (executors[at].runningCommand, (now - seen[at].since).nanoseconds / 1_000_000)
            }
        }
    }
}
