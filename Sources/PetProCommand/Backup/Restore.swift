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
            try await restore(from)
        } else {
            try await requireStopped()
        }
        for service in ServiceName.allCases {
            let place = databases.place(of: service)
            do {
                guard try place.exists() else { continue }
                let database = try place.open(Modules.module(service).migrations, nil)
                defer { try? database.close() }
                let epoch = try await database.write { try $0.beginEpoch(at: .current()) }
                Terminal.line("\(service.rawValue): the log has the epoch \(epoch)")
            } catch {
                throw CommandFailure("cannot open the database \(place): \(error)")
            }
        }
    }

    private func restore(_ from: String) async throws {
        let copies = ServiceName.allCases.compactMap { service -> (copy: String, path: String)? in
            guard case .file(let path) = databases.place(of: service) else { return nil }
            let copy = "\(from)/\(service.rawValue).sqlite"
            return FileManager.default.fileExists(atPath: copy) ? (copy, path) : nil
        }
        if copies.isEmpty { throw CommandFailure("there is no copy of a database in \(from)") }
        try await requireStopped()
        do {
            for (copy, _) in copies { try SQLiteBackup.check(copy) }
            try PrivateFiles.prepare(folder: databases.data)
            let aside = "\(databases.data)/replaced-\(Instant.current().description.replacing(":", with: ""))"
            try PrivateFiles.prepare(folder: aside)
            for (copy, path) in copies {
                // Beside its place first, so that a failure leaves the database as it was.
                let new = path + ".new"
                try? FileManager.default.removeItem(atPath: new)
                try SQLiteBackup.copy(copy, to: new)
                for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
                    try FileManager.default.moveItem(
                        atPath: path + suffix, toPath: "\(aside)/\(URL(filePath: path).lastPathComponent)\(suffix)")
                }
                try FileManager.default.moveItem(atPath: new, toPath: path)
                Terminal.line("restored \(path) from \(copy)")
            }
            Terminal.line("what was there is in \(aside)")
        } catch {
            throw CommandFailure("cannot restore from \(from): \(error)")
        }
    }

    /// Throws ``CommandSupport/CommandFailure`` if an instance of a service uses the data.
    private func requireStopped() async throws {
        if force { return }
        for service in ServiceName.allCases {
            let place = databases.place(of: service)
            let holder: String?
            do {
                guard try place.exists() else { continue }
                let database = try place.inspect()
                defer { try? database.close() }
                holder = try await database.read { try $0.leaseHolder() }
            } catch {
                // A database that cannot be read is one to replace.
                continue
            }
            if let holder {
                throw CommandFailure(
                    "\(service.rawValue) is running (\(holder)): stop every instance of the platform first. If it ended "
                        + "on another host, add --force")
            }
        }
    }
}
