import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts copies of the databases back, while the platform does not run.",
        discussion: """
            The databases that were there go into a folder of their own. The restored logs get a new epoch, so that \
            subscribers accept their events, and watches of stock begin anew. People who were erased since the copy was made \
            are erased again at the next start.

            For PostgreSQL, restore the data with pg_restore, and then run `petpro restore --epoch-only --force --database …`; \
            docs/platform.md has the steps.
            """)

    @Argument(help: "The folder with the copies.")
    var from: String?
    @Flag(help: "Only give the logs a new epoch, after the data was restored by other means.")
    var epochOnly = false
    @Flag(help: "Do not check whether an instance runs. Use it when its host is gone.")
    var force = false
    @OptionGroup var databases: DatabaseOptions

    func validate() throws {
        if epochOnly == (from != nil) { throw ValidationError("give a folder with copies, or --epoch-only") }
    }

    func run() async throws {
        if let from {
            try databases.requireFiles("use pg_restore, and then petpro restore --epoch-only")
            return try await restore(from)
        }
        if !force { try await RunningInstances.requireNone(databases.place(of:)) }
        for service in ServiceName.allCases where try exists(service) {
            try await beginEpoch(of: service, at: databases.place(of: service))
        }
    }

    private func exists(_ service: ServiceName) throws -> Bool {
        let place = databases.place(of: service)
        do {
            return try place.exists()
        } catch {
            throw CommandFailure("cannot open the database \(place): \(error)")
        }
    }

    private func beginEpoch(of service: ServiceName, at place: DatabasePlace) async throws {
        do {
            let database = try place.open(Modules.module(service).migrations, nil)
            defer { try? database.close() }
            let epoch = try await database.write { try $0.beginEpoch(at: .current()) }
            Terminal.line("\(service.rawValue): the log has the epoch \(epoch)")
        } catch {
            throw CommandFailure("cannot open the database \(place): \(error)")
        }
    }

    private func restore(_ from: String) async throws {
        let copies = ServiceName.allCases.compactMap { service -> (service: ServiceName, copy: String, path: String)? in
            guard case .file(let path) = databases.place(of: service) else { return nil }
            let copy = "\(from)/\(service.rawValue).sqlite"
            return FileManager.default.fileExists(atPath: copy) ? (service, copy, path) : nil
        }
        if copies.isEmpty { throw CommandFailure("there is no copy of a database in \(from)") }
        if !force { try await RunningInstances.requireNone(databases.place(of:)) }
        let news = copies.map { $0.path + ".new" }
        // They are whole, migrated and of a new epoch before the first one takes its place.
        defer { for new in news { remove(new) } }
        do {
            try PrivateFiles.prepare(folder: databases.data)
            for ((service, copy, _), new) in zip(copies, news) {
                try SQLiteBackup.check(copy)
                remove(new)
                try SQLiteBackup.copy(copy, to: new)
                try await beginEpoch(of: service, at: .file(new))
            }
            let aside = "\(databases.data)/replaced-\(Instant.current().description.replacing(":", with: ""))"
            try PrivateFiles.prepare(folder: aside)
            var moved: [(from: String, to: String)] = []
            func move(_ path: String, to other: String) throws {
                try FileManager.default.moveItem(atPath: path, toPath: other)
                moved.append((path, other))
            }
            do {
                for ((_, _, path), new) in zip(copies, news) {
                    for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
                        try move(path + suffix, to: "\(aside)/\(URL(filePath: path).lastPathComponent)\(suffix)")
                    }
                    try move(new, to: path)
                }
            } catch {
                // All of them or none.
                for (from, to) in moved.reversed() { try FileManager.default.moveItem(atPath: to, toPath: from) }
                throw error
            }
            for (_, copy, path) in copies { Terminal.line("restored \(path) from \(copy)") }
            Terminal.line("what was there is in \(aside)")
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw CommandFailure("cannot restore from \(from): \(error)")
        }
    }

    /// Deletes a SQLite file, with what belongs to it.
    private func remove(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
}
