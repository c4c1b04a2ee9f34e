#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many files and sockets this process may have open (`RLIMIT_NOFILE`).
///
/// A process that reaches the limit can accept no connection, open no file, and make no call. So listeners stay below
/// it.
package struct DescriptorLimit: Sendable, Hashable {
    /// The limit, in descriptors.
    package let descriptors: Int
    /// Descriptors that connections never get: for files, databases, listeners, calls to other services, and
    /// connections that have given way and are not closed yet.
    private static let reserve = 128

    /// Makes a limit of `descriptors`.
    package init(descriptors: Int) { self.descriptors = descriptors }

    /// The process's limit, read once, on first use. At most 1 000 000, and 1024 if the system does not state it.
    package static let current = DescriptorLimit(descriptors: read())

    /// The connections that all listeners of the process together may have, at least 16. The rest of the limit is for
    /// other descriptors: 128, or an eighth of the limit if that is more.
    package var connections: Int { max(16, descriptors - max(Self.reserve, descriptors / 8)) }

    /// Raises the limit to the most that the system allows the process; keeps the old one if the system refuses. Call
    /// it before the process opens anything, and before the first use of ``current``.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        #if canImport(Darwin)
        // Darwin refuses a limit above OPEN_MAX.
        limit.rlim_cur = min(limit.rlim_max, rlim_t(OPEN_MAX))
        #else
        limit.rlim_cur = limit.rlim_max
        #endif
        // Some systems refuse the limit that they state; then the old one stays.
        _ = setrlimit(resource, &limit)
    }

    private static func read() -> Int {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        return Int(clamping: min(limit.rlim_cur, 1_000_000))
    }

    #if canImport(Glibc)
    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
    #else
    private static var resource: Int32 { RLIMIT_NOFILE }
    #endif
}
