import CommandSupport
import Foundation

/// Processors of this machine that programs can be kept to, so that attackers do not take the platform's time.
struct Cores: Sendable {
    let platform: Int
    let attackers: Int

    /// Two of those this process may use; nil where there are fewer, or where nothing keeps a program to one.
    static func two() -> Cores? {
        guard FileManager.default.isExecutableFile(atPath: taskset.path) else { return nil }
        let allowed = Processors.allowed
        return allowed.count < 2 ? nil : Cores(platform: allowed[0], attackers: allowed[1])
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
