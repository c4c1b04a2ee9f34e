#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The exclusive right to change files, among the processes of a machine. It ends with the process.
public struct FileLock: Sendable {
    /// The lock's file cannot be opened or locked.
    public struct Failed: Error, CustomStringConvertible {
        /// The error message of the system.
        public let description: String
    }

    private let descriptor: Int32

    /// Waits for the lock of a file, and creates the file with mode 0600 if it is missing. Throws ``Failed``.
    public init(_ path: String) throws(Failed) {
        descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failed(description: String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw Failed(description: reason)
        }
    }

    /// Gives the lock back.
    public func release() { close(descriptor) }
}
