public import Foundation
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Makes files and folders that only the user of the process may read: databases and keys.
public enum PrivateFiles {
    /// Other users can read a file or folder, and this process cannot change its mode.
    public struct NotPrivate: Error, CustomStringConvertible {
        /// The path of the file or folder.
        public let path: String
        /// The error message of the system.
        public let reason: String
        /// The message for the operator, with the next step.
        public var description: String {
            "others can read \(path), and that cannot be changed (\(reason)): chmod go-rwx, or choose another folder"
        }
    }

    /// Creates a folder with mode 0700, or restricts an existing one to it. Throws ``NotPrivate``, or the error of
    /// creating the folder.
    public static func prepare(folder path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        try restrict(path, to: 0o700)
    }

    /// Creates an empty file with mode 0600, or restricts an existing one and the files that SQLite keeps beside it.
    ///
    /// Files that SQLite creates later get the mode of this file. Throws ``NotPrivate``. A file that cannot be created
    /// is no error here.
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

    /// Writes a file with mode 0600 atomically: a reader sees the old bytes or the new ones. Throws the error of
    /// writing.
    public static func write(_ data: Data, to path: String) throws {
        let temporary = path + "." + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        try create(data, at: temporary)
        guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        try synchronizeFolder(of: path)
    }

    /// Has the entry of a file in its folder survive a power cut: a key that is in use must not be lost. Throws the error of
    /// the system.
    private static func synchronizeFolder(of path: String) throws {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    /// Writes a new file with mode 0600 atomically. Returns false, and changes nothing, when the file exists. Throws
    /// the error of writing.
    public static func writeIfAbsent(_ data: Data, to path: String) throws -> Bool {
        let temporary = path + "." + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        try create(data, at: temporary)
        // Unlike `rename`, `link` fails when the file exists.
        if link(temporary, path) == 0 {
            try synchronizeFolder(of: path)
            return true
        }
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
