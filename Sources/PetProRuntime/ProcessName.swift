#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif
import Foundation

/// The name of a process, by which other processes of its machine can tell whether it has ended.
package enum ProcessName {
    /// A new name of this process: its machine, its id, and something random.
    package static func own() -> String {
        "\(ProcessInfo.processInfo.hostName)/\(getpid())/\(ServiceEnvironment.randomID())"
    }

    /// Whether a name is that of a process of this machine that has ended. False when that cannot be told.
    package static func isGone(_ name: String) -> Bool {
        let parts = name.split(separator: "/")
        guard parts.count == 3, parts[0] == ProcessInfo.processInfo.hostName, let id = pid_t(parts[1]) else {
            return false
        }
        return kill(id, 0) == -1 && errno == ESRCH
    }
}
