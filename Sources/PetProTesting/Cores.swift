import CommandSupport
public import Foundation
import Subprocess
#if canImport(System)
import System
#else
import SystemPackage
#endif

/// Two cores of this machine, so that a load does not take the platform's processor time.
public struct Cores: Sendable {
    /// The core of the platform.
    public let platform: Int
    /// The core of everything else.
    public let load: Int

    /// Returns two cores that this process may use. Returns nil when there are fewer, or when `taskset` is missing.
    public static func two() -> Cores? {
        guard FileManager.default.isExecutableFile(atPath: taskset.path) else { return nil }
        let allowed = Processors.allowed
        return allowed.count < 2 ? nil : Cores(platform: allowed[0], load: allowed[1])
    }

    /// Pins all threads of this process, and the threads that they start later, to the load's core. Throws when
    /// `taskset` cannot run.
    public func keepLoad() async throws { try await keep("\(load)") }

    /// Allows this process both cores again. Throws when `taskset` cannot run.
    public func release() async throws { try await keep("\(platform),\(load)") }

    private func keep(_ cores: String) async throws {
        _ = try await run(
            .path(FilePath(Self.taskset.path)),
            arguments: ["-a", "-c", "-p", cores, "\(ProcessInfo.processInfo.processIdentifier)"], output: .discarded)
    }

    /// The program that pins processes to cores.
    public static let taskset = URL(filePath: "/usr/bin/taskset")
}
