import Foundation
import Rookery

/// Processors of this machine that programs can be kept to, so that attackers do not take the platform's time.
struct Cores: Sendable {
    let platform: Int
    let attackers: Int

    /// Two of those this process may use; nil where there are fewer, or where nothing keeps a program to one.
    static func two() -> Cores? {
        guard FileManager.default.isExecutableFile(atPath: taskset.path),
            let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") })
        else { return nil }
        let allowed = parse(line.drop { $0 != ":" }.dropFirst().drop { $0.isWhitespace })
        return allowed.count < 2 ? nil : Cores(platform: allowed[0], attackers: allowed[1])
    }

    /// Reads `0-3,8`.
    static func parse(_ list: some StringProtocol) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 4096 else { return [] }
            return Array(first...last)
        }
    }

    /// Keeps this process to the attackers' core: its threads, and those they will start.
    func keepAttackers() throws {
        let process = Process()
        process.executableURL = Self.taskset
        process.arguments = ["-a", "-c", "-p", "\(attackers)", "\(ProcessInfo.processInfo.processIdentifier)"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }

    static let taskset = URL(filePath: "/usr/bin/taskset")
}
