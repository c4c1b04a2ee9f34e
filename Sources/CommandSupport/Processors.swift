import Foundation
import NIOCore

/// The processors that this process may use. `taskset` or a container may allow fewer than the machine has.
public enum Processors {
    /// Limits NIO's singleton event loop group to one loop per allowed processor, because threads that share a
    /// processor wait for one another.
    ///
    /// Call it before any code uses an event loop. It does nothing if the environment sets
    /// `NIO_SINGLETON_GROUP_LOOP_COUNT`, or if the system does not report the allowed processors.
    public static func fitEventLoops() {
        let count = allowed.count
        let isChosen = ProcessInfo.processInfo.environment["NIO_SINGLETON_GROUP_LOOP_COUNT"] != nil
        // NIO allows this to be set once, before its first use.
        if count > 0, count < System.coreCount, !isChosen { NIOSingletons.groupLoopCountSuggestion = count }
    }

    /// The numbers of the allowed processors, from `/proc/self/status`. Empty on systems without that file.
    public static var allowed: [Int] {
        let key = "Cpus_allowed_list:"
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) })
        else { return [] }
        return parse(line.dropFirst(key.count).drop { $0.isWhitespace })
    }

    /// Parses a list of processors such as `0-3,8`.
    static func parse(_ list: some StringProtocol) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 4096 else { return [] }
            return Array(first...last)
        }
    }
}
