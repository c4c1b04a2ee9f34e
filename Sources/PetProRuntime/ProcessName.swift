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
    package static func own() -> String { "\(machine)/\(getpid())/\(ServiceEnvironment.randomID())" }

    /// What processes have in common whose ids can be compared: the host, and on Linux also its start and the namespace, because
    /// two containers may have one host's name.
    package static let machine: String = {
        #if os(Linux)
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
        let marks = [String(boot.prefix(8)), space.filter(\.isNumber)]
        #else
        let marks: [String] = []
        #endif
        return ([ProcessInfo.processInfo.hostName.replacing("/", with: "")] + marks).joined(separator: ".")
    }()

    /// Whether a name is that of a process of this machine that has ended. False when that cannot be told.
    package static func isGone(_ name: String) -> Bool {
        let parts = name.split(separator: "/")
        guard parts.count == 3, parts[0] == machine, let id = pid_t(parts[1]) else {
            return false
        }
        return kill(id, 0) == -1 && errno == ESRCH
    }
}
