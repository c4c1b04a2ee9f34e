package import NIOCore
import Synchronization
package import RookeryPolicies

/// Records the decisions about the calls of a task and its child tasks, to show why a call took so long.
///
/// ```swift
/// let trace = CallTrace()
/// let booking = try await CallTrace.$current.withValue(trace) { try await bookings.getBooking(…) }
/// print(trace)
/// ```
package final class CallTrace: Sendable, CustomStringConvertible {
    /// The trace of this task's calls. Nil: nothing is recorded.
    @TaskLocal package static var current: CallTrace?

    /// A decision and its time.
    package struct Entry: Sendable, Hashable, CustomStringConvertible {
        /// The time since the trace was made.
        package let at: Duration
        /// The destination's name.
        package let destination: String
        /// The command's name.
        package let command: String
        /// The decision.
        package let decision: CallDecision

        /// `+12 ms booking.createBooking: picked 127.0.0.1:4002 for attempt 1`
        package var description: String {
            "+\(at.nanoseconds / 1_000_000) ms \(destination).\(command): \(decision)"
        }
    }

    /// The most decisions that the trace keeps. It only counts later ones.
    private static let limit = 1000
    private let begin: NIODeadline
    private let kept = Mutex<(entries: [Entry], dropped: Int)>(([], 0))

    /// Makes an empty trace, whose times start at `now`.
    package init(at now: NIODeadline = .now()) { begin = now }

    /// The first 1000 decisions, in order.
    package var entries: [Entry] { kept.withLock { $0.entries } }

    func note(_ decision: CallDecision, _ destination: String, _ command: String, at now: NIODeadline) {
        let entry = Entry(at: now.since(begin), destination: destination, command: command, decision: decision)
        kept.withLock { kept in
            if kept.entries.count < Self.limit { kept.entries.append(entry) } else { kept.dropped += 1 }
        }
    }

    /// A line for each decision.
    package var description: String {
        let (entries, dropped) = kept.withLock { $0 }
        return entries.map(\.description).joined(separator: "\n") + (dropped > 0 ? "\nand \(dropped) more" : "")
    }
}
