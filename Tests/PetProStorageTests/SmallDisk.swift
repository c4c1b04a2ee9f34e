import Foundation
import PetProTesting
import RookeryTesting

/// A small file system in memory, which can grow.
struct SmallDisk {
    let path: String

    /// Mounts one. Nil where mounting is not allowed. `owner` is the user to whom it belongs.
    init?(megabytes: Int, owner: String? = nil) async throws {
        path = NSTemporaryDirectory() + "petpro-full-" + UUID().uuidString
        guard geteuid() == 0, FileManager.default.isExecutableFile(atPath: "/usr/bin/mount") else { return nil }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard try await run("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "petpro", path) else {
            try FileManager.default.removeItem(atPath: path)
            return nil
        }
        if let owner { _ = try await run("chown", owner, path) }
    }

    struct Failed: Error { let program: String }

    /// Makes room, as an operator does.
    func grow(toMegabytes size: Int) async throws {
        guard try await run("mount", "-o", "remount,size=\(size)m", path) else { throw Failed(program: "mount") }
    }

    /// Unmounts it.
    func remove() async throws {
        guard try await run("umount", path) else { throw Failed(program: "umount") }
        try FileManager.default.removeItem(atPath: path)
    }

    private func run(_ program: String, _ arguments: String...) async throws -> Bool {
        let process = try await RunningProgram(
            URL(filePath: "/usr/bin/" + program), arguments, errorsTo: NSTemporaryDirectory() + "small-disk-errors")
        return await process.exitCode() == 0
    }
}
