import Synchronization
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How much of the processors one hash gets: the time that all other threads leave, and a share of its own when that was too
/// little for too long. Where the system knows no such thing, it hashes like all other work.
final class HashPriority: Sendable {
    #if os(Linux)
    /// The thread that hashes, while it does.
    private let thread = Mutex<pthread_t?>(nil)

    /// `SCHED_IDLE`, sched(7): every other thread that has something to do goes first.
    private static let idle: Int32 = 5
    /// The share of a thread that is to yield, but not to stand still.
    private static let niceness: Int32 = 10

    private static func set(_ policy: Int32, of thread: pthread_t) {
        var parameters = sched_param()
        parameters.sched_priority = 0
        _ = pthread_setschedparam(thread, policy, &parameters)
    }

    /// This thread begins to hash.
    func begin() {
        // On Linux 0 means the thread itself.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
        Self.set(Self.idle, of: pthread_self())
        thread.withLock { $0 = pthread_self() }
    }

    /// The hash has waited for long enough. False when it has not begun.
    func raise() -> Bool {
        thread.withLock { thread in
            guard let thread else { return false }
            Self.set(SCHED_OTHER, of: thread)
            return true
        }
    }

    /// The thread is done.
    func end() { thread.withLock { $0 = nil } }
    #else
    func begin() {}
    func raise() -> Bool { true }
    func end() {}
    #endif
}
