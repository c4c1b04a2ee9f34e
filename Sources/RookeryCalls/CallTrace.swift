package import NIOCore
import Synchronization
package import RookeryPolicies

/// What was decided about the calls made by a task and its children: why they took as long as they did.
///
/// ```swift
/// let trace = CallTrace()
/// let booking = try await CallTrace.$current.withValue(trace) { try await bookings.getBooking(…) }
/// print(trace)
/// ```
package final class CallTrace: Sendable, CustomStringConvertible {
    /// Where decisions of this task's calls are noted; nil for nowhere.
    @TaskLocal package static var current: CallTrace?

    /// A decision, and when.
    package struct Entry: Sendable, Hashable, CustomStringConvertible {
        /// Since the trace began.
        package let at: Duration
        /// The destination's name.
        package let destination: String
        /// The command's name.
        package let command: String
        /// What was decided.
        package let decision: CallDecision

        /// `+12 ms booking.createBooking: picked 127.0.0.1:4002 for attempt 1`
        package var description: String {
            "+\(at.nanoseconds / 1_000_000) ms \(destination).\(command): \(decision)"
        }
    }

    /// Decisions that are kept; later ones are only counted.
    private static let limit = 1000
    private let begin: NIODeadline
    private let kept = Mutex<(entries: [Entry], dropped: Int)>(([], 0))

    /// An empty trace that begins now.
    package init(at now: NIODeadline = .now()) { begin = now }

    /// The decisions, in their order.
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
