import Foundation
import NIOCore
import PetProContracts
import PetProRuntime
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import PetProStorage

@Suite("A database file")
struct DatabaseTests {
    private let folder = NSTemporaryDirectory() + "petpro-storage-" + UUID().uuidString
    private var path: String { folder + "/test.sqlite" }
    private static let migrations = [Migration("test-1", "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")]

    private func remove() { try? FileManager.default.removeItem(atPath: folder) }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    @Test("keeps an acknowledged commit through a power cut: all of it is on disk first")
    func synchronous() async throws {
        try PrivateFiles.prepare(folder: folder)
        defer { remove() }
        let database = try Database(path: path, migrations: Self.migrations)
        defer { try? database.close() }
        // Inside a write, which is where it counts.
        let level = try await database.write { try $0.row("PRAGMA synchronous") { try $0.int() } }
        #expect(level == 2)
        #expect(try await database.write { try $0.row("PRAGMA journal_mode") { try $0.text() } } == "wal")
    }

    @Test("is its owner's alone, in a folder that is, with the files that SQLite keeps beside it")
    func modes() async throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        defer { remove() }
        try PrivateFiles.prepare(folder: folder)
        #expect(try mode(folder) == 0o700)
        _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o644])
        let database = try Database(path: path, migrations: Self.migrations)
        defer { try? database.close() }
        try await database.write { try $0.execute("INSERT INTO things (name) VALUES ('x')") }
        for end in ["", "-wal", "-shm"] { #expect(try mode(path + end) == 0o600, "\(end)") }
    }

    @Test("that a newer version wrote is not opened, and says so")
    func newer() throws {
        try PrivateFiles.prepare(folder: folder)
        defer { remove() }
        try Database(path: path, migrations: Self.migrations + [Migration("test-2", "SELECT 1")]).close()
        let error = #expect(throws: Database.SchemaTooNew.self) {
            try Database(path: path, migrations: Self.migrations)
        }
        #expect(error?.description.contains("newer version") == true)
        try Database(path: path, migrations: Self.migrations + [Migration("test-2", "SELECT 1")]).close()
    }

    @Test("on a disk that is full refuses writes and says why, loses nothing, and goes on when there is room")
    func full() async throws {
        guard let disk = try await SmallDisk(megabytes: 2) else { return }
        do {
            try PrivateFiles.prepare(folder: disk.path + "/data")
            let database = try Database(path: disk.path + "/data/test.sqlite", migrations: Self.migrations)
            var written = 0
            var refusal: RemoteError?
            while refusal == nil {
                do {
                    let name = String(repeating: "x", count: 20_000) + "\(written)"
                    try await database.write { try $0.execute("INSERT INTO things (name) VALUES (?)", name) }
                    written += 1
                } catch let error as RemoteError {
                    refusal = error
                }
                #expect(written < 1000)
            }
            #expect(refusal?.code == .overloaded && refusal?.message == "The disk of the database is full.")
            #expect(written > 3)
            // What was acknowledged is there, and can be read.
            let count = try await database.read { try $0.row("SELECT COUNT(*) FROM things") { try $0.int() } }
            #expect(count == written)
            // An operator makes room.
            try await disk.grow(toMegabytes: 8)
            try await database.write { try $0.execute("INSERT INTO things (name) VALUES ('y')") }
            let check = try await database.read { try $0.row("PRAGMA integrity_check") { try $0.text() } }
            #expect(check == "ok")
            try database.close()
        }
        try await disk.remove()
    }

    @Test("that is no database is told as such")
    func damaged() throws {
        try PrivateFiles.prepare(folder: folder)
        defer { remove() }
        try Data(repeating: 0x41, count: 10_000).write(to: URL(filePath: path))
        let error = #expect(throws: (any Error).self) { try Database(path: path, migrations: Self.migrations) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("not a database"))
    }

    @Test("that another process keeps locked is busy, not broken: the caller may come again")
    func busy() async throws {
        try PrivateFiles.prepare(folder: folder)
        defer { remove() }
        let database = try Database(path: path, migrations: Self.migrations)
        defer { try? database.close() }
        let other = try Database(path: path, migrations: Self.migrations)
        defer { try? other.close() }
        let (isLocked, locked) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        async let holding: Int = other.write { transaction in
            locked.yield()
            release.wait()
            return try transaction.execute("INSERT INTO things (name) VALUES ('other')")
        }
        for await _ in isLocked { break }
        let error = try await refusal { try await database.write { try $0.execute("DELETE FROM things") } }
        #expect(error?.code == .overloaded && error?.details?["retryAfterMs"] == 200)
        release.signal()
        #expect(try await holding == 1)
        #expect(try await database.write { try $0.execute("DELETE FROM things") } == 1)
    }

    @Test("is used by threads of its own: a task goes from its event loop there and back to its loop, and nowhere else")
    func threads() async throws {
        try PrivateFiles.prepare(folder: folder)
        defer { remove() }
        let database = try Database(path: path, migrations: Self.migrations)
        defer { try? database.close() }
        let executors = EventLoops.shared.executors
        for position in executors.indices {
            let threads = try await withTaskExecutorPreference(executors[position]) { () async throws -> [Int?] in
                var threads = [EventLoops.shared.currentPosition]
                threads.append(try await database.read { _ in EventLoops.shared.currentPosition })
                threads.append(EventLoops.shared.currentPosition)
                threads.append(try await database.write { _ in EventLoops.shared.currentPosition })
                threads.append(EventLoops.shared.currentPosition)
                return threads
            }
            #expect(threads == [position, nil, position, nil, position])
        }
    }

    @Test("answers each of many that read and write at once")
    func many() async throws {
        try PrivateFiles.prepare(folder: folder)
        defer { remove() }
        let database = try Database(path: path, migrations: Self.migrations)
        defer { try? database.close() }
        await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                let executor = EventLoops.shared.executors[number % EventLoops.shared.executors.count]
                group.addTask(executorPreference: number.isMultiple(of: 3) ? nil : executor) {
                    let id = try await database.write { transaction in
                        if number.isMultiple(of: 7) { throw RemoteError("NO", "no") }
                        return try transaction.insert("INSERT INTO things (name) VALUES (?) RETURNING id", "\(number)")
                    }
                    let name = try await database.read { transaction in
                        try transaction.row("SELECT name FROM things WHERE id = ?", id) { try $0.text() }
                    }
                    // What was acknowledged is seen.
                    #expect(name == "\(number)")
                }
            }
            var refused = 0
            while let result = await group.nextResult() {
                if case .failure = result { refused += 1 }
            }
            #expect(refused == 72)
        }
        #expect(try await database.read { try $0.row("SELECT COUNT(*) FROM things") { try $0.int() } } == 428)
    }

    @Test("does not write for a message whose time is over")
    func late() async throws {
        let database = try Database.temporary(Self.migrations)
        let late = MessageContext(pattern: "p", peer: "test", deadline: .after(.seconds(-1)))
        let code = try await MessageContext.$source.withValue(late) { () async throws -> RemoteError.Code? in
            let error = try await refusal { () async throws -> Int in
                try await database.write { try $0.execute("INSERT INTO things (name) VALUES ('x')") }
            }
            return error?.code
        }
        #expect(code == .deadlineExceeded)
        #expect(try await database.isEmpty("things"))
    }

    @Test("holds demo data or a platform's own, for as long as it exists")
    func kinds() async throws {
        let database = try Database.temporary(Self.migrations)
        try await database.claim(.demo)
        try await database.claim(.demo)
        let error = await #expect(throws: StoreKind.Mismatch.self) { try await database.claim(.live) }
        #expect(error?.description.contains("--demo") == true)
        let other = try Database.temporary(Self.migrations)
        try await other.claim(.live)
        await #expect(throws: StoreKind.Mismatch.self) { try await other.claim(.demo) }
    }
}

@Suite("A private file")
struct PrivateFilesTests {
    @Test("is written whole, and by the first of those who make it")
    func writing() throws {
        let path = NSTemporaryDirectory() + "petpro-private-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try PrivateFiles.writeIfAbsent(Data("one".utf8), to: path))
        #expect(try !PrivateFiles.writeIfAbsent(Data("two".utf8), to: path))
        #expect(FileManager.default.contents(atPath: path) == Data("one".utf8))
        try PrivateFiles.write(Data("three".utf8), to: path)
        #expect(FileManager.default.contents(atPath: path) == Data("three".utf8))
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }
}
