import Synchronization
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The scheduling priority of the thread that runs one hash.
///
/// A hash begins in `SCHED_IDLE`, which gives it the time that all other threads leave. ``raise()`` gives it a share of
/// its own. On systems other than Linux, a hash has the priority of all other work.
final class HashPriority: Sendable {
    #if os(Linux)
    /// The thread that runs the hash, while it runs.
    private let thread = Mutex<pthread_t?>(nil)

    /// `SCHED_IDLE`, sched(7): every other runnable thread comes first.
    private static let idle: Int32 = 5
    /// The nice value of a raised hash, which yields to other threads but does not starve.
    private static let niceness: Int32 = 10

    private static func set(_ policy: Int32, of thread: pthread_t) {
        var parameters = sched_param()
        parameters.sched_priority = 0
        _ = pthread_setschedparam(thread, policy, &parameters)
    }

    /// Lowers the priority of the current thread, which begins to hash.
    func begin() {
        // On Linux, 0 means the current thread, not the process.
        #if canImport(Glibc)
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
        #else
        _ = setpriority(PRIO_PROCESS, 0, Self.niceness)
        #endif
        Self.set(Self.idle, of: pthread_self())
        thread.withLock { $0 = pthread_self() }
    }

    /// Gives the hash a share of its own. Returns false when the hash has not begun.
    func raise() -> Bool {
        thread.withLock { thread in
            guard let thread else { return false }
            Self.set(SCHED_OTHER, of: thread)
            return true
        }
    }

    /// Notes that the hash has ended.
    func end() { thread.withLock { $0 = nil } }
    #else
    func begin() {}
    func raise() -> Bool { true }
    func end() {}
    #endif
}
