public import Foundation
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Files and folders that only the owner of the process may look into: databases and keys.
public enum PrivateFiles {
    /// A file or folder that others may read, and that this process may not change.
    public struct NotPrivate: Error, CustomStringConvertible {
        /// Where it is.
        public let path: String
        /// What the system says.
        public let reason: String
        /// Says so, with the next step.
        public var description: String {
            "others can read \(path), and that cannot be changed (\(reason)): chmod go-rwx, or choose another folder"
        }
    }

    /// Makes a folder with mode 0700 if there is none, and takes the rights of others away from one that is there. Throws
    /// ``NotPrivate``, or what making it throws.
    public static func prepare(folder path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        try restrict(path, to: 0o700)
    }

    /// Makes an empty file with mode 0600 if there is none, and takes the rights of others away from one that is there and
    /// from the files that SQLite keeps beside it. Those that SQLite makes later have the mode of the file.
    public static func prepare(file path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            let descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
            if descriptor >= 0 { close(descriptor) }
        }
        for file in [path, path + "-wal", path + "-shm", path + "-journal"]
        where FileManager.default.fileExists(atPath: file) {
            try restrict(file, to: 0o600)
        }
    }

    /// Writes a file with mode 0600, whole or not at all: a reader sees the old bytes or the new ones. Throws what writing
    /// throws.
    public static func write(_ data: Data, to path: String) throws {
        let temporary = path + "." + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        try create(data, at: temporary)
        guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    /// Writes a file with mode 0600 that is not there yet; false when it is, which is then left as it is.
    public static func writeIfAbsent(_ data: Data, to path: String) throws -> Bool {
        let temporary = path + "." + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        try create(data, at: temporary)
        // A link, other than a rename, fails when there is such a file.
        if link(temporary, path) == 0 { return true }
        guard errno == EEXIST else { throw CocoaError(.fileWriteUnknown) }
        return false
    }

    private static func create(_ data: Data, at path: String) throws {
        let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteNoPermission) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: data)
        try handle.synchronize()
        try handle.close()
    }

    private static func restrict(_ path: String, to mode: mode_t) throws {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return }
        if chmod(path, mode) != 0 { throw NotPrivate(path: path, reason: String(cString: strerror(errno))) }
    }
}
