import CommandSupport
public import Foundation
import Subprocess
import SystemPackage

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

    /// Keeps this process to the load's core: its threads, and those they will start. Throws when it cannot.
    public func keepLoad() async throws { try await keep("\(load)") }

    /// Lets this process have both cores again. Throws when it cannot.
    public func release() async throws { try await keep("\(platform),\(load)") }

    private func keep(_ cores: String) async throws {
        _ = try await run(
            .path(FilePath(Self.taskset.path)),
            arguments: ["-a", "-c", "-p", cores, "\(ProcessInfo.processInfo.processIdentifier)"], output: .discarded)
    }

    /// The program that keeps others to a processor.
    public static let taskset = URL(filePath: "/usr/bin/taskset")
}
