import CommandSupport
public import Foundation

/// Processors of this machine that programs can be kept to, so that a load does not take the platform's time.
public struct Cores: Sendable {
    /// The platform's.
    public let platform: Int
    /// That of everything else.
    public let load: Int

    /// Two of those this process may use; nil where there are fewer, or where nothing keeps a program to one.
    public static func two() -> Cores? {
        guard FileManager.default.isExecutableFile(atPath: taskset.path) else { return nil }
        let allowed = Processors.allowed
        return allowed.count < 2 ? nil : Cores(platform: allowed[0], load: allowed[1])
    }

    /// Keeps this process to the load's core: its threads, and those they will start.
    public func keepLoad() throws { try keep("\(load)") }

    /// Lets this process have both cores again.
    public func release() throws { try keep("\(platform),\(load)") }

    private func keep(_ cores: String) throws {
        let process = Process()
        process.executableURL = Self.taskset
        process.arguments = ["-a", "-c", "-p", cores, "\(ProcessInfo.processInfo.processIdentifier)"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }

    /// The program that keeps others to a processor.
    public static let taskset = URL(filePath: "/usr/bin/taskset")
}
