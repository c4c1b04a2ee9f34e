import Logging
package import NIOCore
import Synchronization

/// Sees handlers that hold an event loop, and names their commands: while one does, nothing else on that loop is served.
///
/// The servers on the loops look a few times a second, and a message costs one store for it. A loop that is held is
/// reported once, whichever server looks first.
package final class LoopWatchdog: Sendable {
    /// A loop that has been in one burst for longer is held. 250 ms.
    static let limit: TimeAmount = .milliseconds(250)
    /// How often servers look. 100 ms.
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

    /// Looks again and again, until the task is cancelled.
    func run(_ logger: Logger) async {
        while !Task.isCancelled {
            // Ended early only by cancellation, which the loop sees.
            try? await Task.sleep(for: Self.interval)
            for (command, milliseconds) in held(at: .now()) {
                logger.warning(
                    "a handler holds an event loop; let it wait, or do its work elsewhere",
                    metadata: ["command": "\(command)", "milliseconds": "\(milliseconds)"])
            }
        }
    }

    /// The loops that are newly found to be held: the command whose handler began last, and for how long.
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
