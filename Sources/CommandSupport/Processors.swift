import Foundation
import NIOCore

/// The processors that this process may use: fewer than the machine has when it was started with `taskset`, or so by a
/// container.
public enum Processors {
    /// Makes no more event loops than there are processors. Call it before anything uses one. Threads that share a processor
    /// wait for one another.
    public static func fitEventLoops() {
        let count = allowed.count
        let isChosen = ProcessInfo.processInfo.environment["NIO_SINGLETON_GROUP_LOOP_COUNT"] != nil
        // May be set once, and not after it has been read.
        if count > 0, count < System.coreCount, !isChosen { NIOSingletons.groupLoopCountSuggestion = count }
    }

    /// Their numbers; none where the system does not say.
    public static var allowed: [Int] {
        let key = "Cpus_allowed_list:"
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) })
        else { return [] }
        return parse(line.dropFirst(key.count).drop { $0.isWhitespace })
    }

    /// Reads `0-3,8`.
    static func parse(_ list: some StringProtocol) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 4096 else { return [] }
            return Array(first...last)
        }
    }
}
