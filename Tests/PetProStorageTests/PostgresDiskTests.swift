import PetProTesting
import Rookery
import Testing

@testable import PetProStorage

extension PostgresTests {
    @Test("on a disk that is full refuses writes and says why, loses nothing, and goes on when there is room")
    func full() async throws {
        let target = try target()
        guard let disk = try await SmallDisk(megabytes: 8, owner: "postgres") else { return }
        let name = "full_" + target.schema
        let admin = try PostgresConnection(PostgresTarget(url: target.url, schema: "other"))
        try admin.execute("CREATE TABLESPACE \(name) LOCATION '\(disk.path)'")
        let migrations = [
            Migration(
                "texts-1", "CREATE TABLE texts (id BIGINT PRIMARY KEY, text TEXT NOT NULL) TABLESPACE \(name)")
        ]
        let database = try Database(target, migrations: migrations, readers: 1)
        var written = 0
        var refusal: RemoteError?
        while refusal == nil {
            let id = written
            // Random, so that the server cannot compress it.
            let text = String((0..<20_000).map { _ in "abcdefghijklmnopqrstuvwxyz0123456789".randomElement() ?? "a" })
            do {
                try await database.write { try $0.execute("INSERT INTO texts (id, text) VALUES (?, ?)", id, text) }
                written += 1
            } catch let error as RemoteError {
                refusal = error
            }
            #expect(written < 1000)
        }
        #expect(refusal?.code == .overloaded && refusal?.message == "The disk of the database is full.")
        #expect(written > 3)
        #expect(try await database.read { try $0.row("SELECT COUNT(*) FROM texts") { try $0.int() } } == written)
        try await disk.grow(toMegabytes: 16)
        try await database.write { try $0.execute("INSERT INTO texts (id, text) VALUES (-1, 'y')") }
        #expect(try await database.read { try $0.row("SELECT COUNT(*) FROM texts") { try $0.int() } } == written + 1)
        try database.close()
        try admin.execute("DROP SCHEMA \"\(target.schema)\" CASCADE")
        try admin.execute("DROP TABLESPACE \(name)")
        try await disk.remove()
    }
}
