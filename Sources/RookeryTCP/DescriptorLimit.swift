#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many files and sockets this process may have open (`RLIMIT_NOFILE`).
///
/// A process that reaches the limit can accept no connection, open no file, and make no call; so listeners stay below it.
package struct DescriptorLimit: Sendable, Hashable {
    /// The limit now.
    package let descriptors: Int
    /// What is never given to connections: files, databases, listeners, calls to other services, and connections that
    /// have given way and are not yet closed.
    private static let reserve = 128

    /// A limit of so many.
    package init(descriptors: Int) { self.descriptors = descriptors }

    /// The process's limit, read once: when the first server or client is made.
    package static let current = DescriptorLimit(descriptors: read())

    /// Connections that listeners may have in all.
    package var connections: Int { max(16, descriptors - max(Self.reserve, descriptors / 8)) }

    /// Raises the limit to the most that the system allows the process. Call it before anything is opened.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        // Refused by a system that says one limit and means another; then the old one stays.
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
