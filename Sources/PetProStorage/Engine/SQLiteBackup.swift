import Foundation
import GRDB
import PetProRuntime

/// Copies SQLite databases.
package enum SQLiteBackup {
    /// A file is not a database, or a damaged one.
    package struct Damaged: Error, CustomStringConvertible {
        /// Names the file and what is wrong.
        package let description: String
    }

    /// Copies a database as it is at one moment into a new file, which only the user of the process may read. Others may write
    /// to the database meanwhile. Throws the error of SQLite.
    package static func copy(_ path: String, to copy: String) throws {
        var reading = Database.configuration
        reading.readonly = true
        let source = try DatabaseQueue(path: path, configuration: reading)
        try PrivateFiles.prepare(file: copy)
        let destination = try DatabaseQueue(path: copy, configuration: Database.configuration)
        try source.backup(to: destination)
        try destination.close()
        try source.close()
    }

    /// Checks that a file is a whole database. Throws ``Damaged``.
    package static func check(_ path: String) throws {
        do {
            var reading = Database.configuration
            reading.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: reading)
            let found = try queue.read { try String.fetchAll($0, sql: "PRAGMA integrity_check(1)") }
            try queue.close()
            if found != ["ok"] { throw Damaged(description: "\(path): \(found.joined(separator: ", "))") }
        } catch let error as DatabaseError {
            throw Damaged(description: "\(path): \(error.message ?? "\(error)")")
        }
    }
}
