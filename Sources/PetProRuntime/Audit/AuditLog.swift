public import Logging
import NIOPosix
public import Rookery
public import ServiceLifecycle
import Synchronization

/// Writes the audit log of a host. Recording never waits; entries are on the disk some milliseconds later, or up
/// to a tenth of a second when there are many: each write to the disk delays those of the databases.
public final class AuditLog: Service {
    private struct Pending {
        var events: [(event: AuditEvent, part: String, at: Instant)] = []
        var lost = 0
    }

    private let folder: AuditFolder
    private let now: @Sendable () -> Instant
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let pending = Mutex(Pending())
    private let signal = Signal()
    /// The most events that wait to be written. Further ones are lost, and counted.
    private let limit: Int
    /// The shortest time from one write to the next.
    private static let pause: Duration = .milliseconds(100)

    /// Makes a log in a folder, which it creates for this user only when it first writes.
    public init(
        folder: String, limit: Int = 10_000, logger: Logger, clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Instant
    ) {
        self.folder = AuditFolder(folder)
        self.limit = limit
        self.logger = logger
        self.clock = clock
        self.now = now
    }

    /// Records the events of a part of the platform: `gateway`, `auth`.
    public func auditor(_ part: String) -> Auditor {
        Auditor { [self] event in
            let instant = now()
            pending.withLock { pending in
                if pending.events.count >= limit {
                    pending.lost += 1
                } else {
                    pending.events.append((event, part, instant))
                }
            }
            signal.send()
        }
    }

    /// Writes until graceful shutdown or cancellation, and then what is left. In a `ServiceGroup`, list the log first, so that
    /// it ends last. Throws no error of the disk: what cannot be written is logged and counted.
    public func run() async throws {
        let known = await cancelWhenGracefulShutdown { [self] in
            var known: AuditTail?
            while !Task.isCancelled {
                await signal.wait()
                known = await write(after: known)
                // Only cancellation ends the pause early, and the loop checks for it.
                try? await clock.sleep(for: Self.pause)
            }
            return known
        }
        _ = await write(after: known)
    }

    /// Writes what waits. For a program that does not run the log. What cannot be written is logged.
    public func flush() async { _ = await write(after: nil) }

    /// Writes the events that wait. Those that cannot be written are lost: the log on standard error says how many.
    private func write(after known: AuditTail?) async -> AuditTail? {
        var (events, lost) = pending.withLock { pending in
            defer { pending = Pending() }
            return (pending.events, pending.lost)
        }
        let count = events.count + lost
        if lost > 0 { events.append((AuditEvent(.entriesLost, object: String(lost)), "audit", now())) }
        if events.isEmpty { return known }
        let (folder, written) = (self.folder, events)
        do {
            // A thread that may wait for the disk. The task may be cancelled, and writes nevertheless.
            return try await Task {
                try await NIOThreadPool.singleton.runIfActive { try folder.append(written, after: known) }
            }.value
        } catch {
            logger.error(
                "the audit log cannot be written", metadata: ["lost": "\(count)", "error": "\(error)"])
            pending.withLock { $0.lost += count }
            return nil
        }
    }
}
