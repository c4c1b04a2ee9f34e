import Foundation
package import Rookery

/// The files of the audit log of a host: one for each month, `2026-11.jsonl`. The chain of hashes goes through all of them.
package struct AuditFolder: Sendable {
    /// The log cannot be read.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    package let path: String

    package init(_ path: String) { self.path = path }

    /// Takes other users' permissions away from the log, if there is one. Throws ``PrivateFiles/NotPrivate``.
    package func protect() throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        try PrivateFiles.prepare(folder: path)
        for file in try FileManager.default.contentsOfDirectory(atPath: path) {
            try PrivateFiles.prepare(file: "\(path)/\(file)")
        }
    }

    /// The names of the files, oldest first.
    package func files() throws -> [String] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".jsonl") }.sorted()
    }

    /// The lines of a file.
    package func lines(_ file: String) throws -> [Substring] {
        guard let data = FileManager.default.contents(atPath: "\(path)/\(file)") else {
            throw Unreadable(description: "cannot read \(path)/\(file)")
        }
        return String(decoding: data, as: UTF8.self).split(separator: "\n")
    }

    /// When each service key was used last, by its id, as far as the log says: to a day.
    package func keyUses() throws -> [String: Instant] {
        var found: [String: Instant] = [:]
        for file in try files() {
            for line in try lines(file) where line.contains(AuditEvent.Kind.keyUsed.rawValue) {
                guard let entry = try? JSONValue(parsing: String(line)), let key = entry["object"]?.stringValue,
                    entry["kind"]?.stringValue == AuditEvent.Kind.keyUsed.rawValue,
                    let at = entry["at"]?.stringValue.flatMap({ Instant($0) })
                else { continue }
                found[key] = max(found[key] ?? at, at)
            }
        }
        return found
    }

    /// The last entry. Nil for an empty log. Throws ``Unreadable`` when the last line is not a whole entry.
    package func last() throws -> AuditEntry? {
        for file in try files().reversed() {
            guard let line = try tail(file) else { continue }
            do {
                return try AuditEntry(line, after: nil)
            } catch {
                throw Unreadable(description: "the last line of \(path)/\(file) is not one of the audit log")
            }
        }
        return nil
    }

    /// The last line of a file, which is read from its end. Lines are shorter than 64 KiB.
    private func tail(_ file: String) throws -> String? {
        let handle = try FileHandle(forReadingFrom: URL(filePath: "\(path)/\(file)"))
        defer { try? handle.close() }
        let size = try handle.seekToEnd()
        try handle.seek(toOffset: size > 65_536 ? size - 65_536 : 0)
        let text = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").last.map(String.init)
    }

    /// Takes away what follows the last line feed: a crash cut it off, before any caller learned that it was written. Leaves the
    /// handle at the end, and returns the size of the file.
    private static func cutTornLine(_ handle: FileHandle) throws -> UInt64 {
        let size = try handle.seekToEnd()
        let start = size > 65_536 ? size - 65_536 : 0
        try handle.seek(toOffset: start)
        let tail = try handle.readToEnd() ?? Data()
        if tail.isEmpty || tail.last == UInt8(ascii: "\n") { return size }
        let whole = tail.lastIndex(of: UInt8(ascii: "\n")).map { $0 - tail.startIndex + 1 } ?? 0
        try handle.truncate(atOffset: start + UInt64(whole))
        return try handle.seekToEnd()
    }

    /// Appends events as entries, and returns the last one when they are on the disk. Processes may do so at once.
    ///
    /// `known` is the end of the log when this process last wrote: without a write since, the log need not be read. Throws the
    /// error of the system, or ``Unreadable``.
    package func append(
        _ events: [(event: AuditEvent, part: String, at: Instant)], after known: AuditTail?
    ) throws -> AuditTail? {
        guard let first = events.first else { return known }
        try PrivateFiles.prepare(folder: path)
        let lock = try FileLock(path + "/audit.lock")
        defer { lock.release() }
        // Another process may have begun a new month already, or the clock went back: the chain goes on where it ends.
        let newest = try files().last ?? ""
        let file = max(String(first.at.description.prefix(7)) + ".jsonl", newest)
        let whole = "\(path)/\(file)"
        try PrivateFiles.prepare(file: whole)
        let handle = try FileHandle(forUpdating: URL(filePath: whole))
        defer { try? handle.close() }
        let size = try Self.cutTornLine(handle)
        var last = try known.flatMap { $0.file == file && $0.size == size ? $0.entry : nil } ?? self.last()
        var text = ""
        for (event, part, instant) in events {
            let entry = AuditEntry(event, part: part, at: instant, after: last)
            text += entry.line + "\n"
            last = entry
        }
        try handle.write(contentsOf: Data(text.utf8))
        try handle.synchronize()
        return last.map { AuditTail(entry: $0, file: file, size: size + UInt64(text.utf8.count)) }
    }
}
