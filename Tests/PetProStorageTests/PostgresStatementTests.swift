import PetProTesting
import Rookery
import Testing

@testable import PetProStorage

// Statements that PostgreSQL gets together.
extension PostgresTests {
    @Test("answers queries that were announced, and none of them after a write")
    func expected() async throws {
        let database = try open(try target())
        @Sendable func number(_ id: Int) -> Query { Query("SELECT number FROM things WHERE id = ?", id) }
        @Sendable func read(_ id: Int, _ transaction: Transaction) throws -> Int? {
            try transaction.row(number(id)) { try $0.int() }
        }
        try await database.write { transaction in
            try transaction.execute("INSERT INTO things (id, number) VALUES (1, 1), (2, 2)")
            try transaction.expect([number(1), nil, number(2), number(3)])
            #expect(try read(2, transaction) == 2)
            #expect(try read(3, transaction) == nil)
            // The first was asked for before this write, and must see it.
            try transaction.execute("UPDATE things SET number = number + 10")
            #expect(try read(1, transaction) == 11)
            try transaction.expect([number(1), number(2)])
            try transaction.executeLater("UPDATE things SET number = number + ?", 100)
            #expect(try read(2, transaction) == 112)
            #expect(try read(1, transaction) == 111)
        }
        // Nothing of one transaction answers in the next.
        try await database.write { transaction in try transaction.expect([number(1)]) }
        try await database.write { try $0.execute("UPDATE things SET number = 5 WHERE id = 1") }
        #expect(try await database.read { try read(1, $0) } == 5)
    }

    @Test(
        "answers the announced queries of a read from one state, without a transaction, and others from a later state")
    func expectedReads() async throws {
        let target = try target()
        let database = try open(target)
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 1), (2, 2)") }
        let numbers = try await database.read { transaction in
            let queries = [1, 2].map { Query("SELECT number FROM things WHERE id = ?", $0) }
            try transaction.expectAll(queries)
            // Another program writes now.
            try PostgresConnection(target).execute("UPDATE things SET number = number + 10")
            return try (queries + queries).map { try transaction.row($0) { try $0.int() } }
        }
        #expect(numbers == [1, 2, 11, 12])
    }

    @Test("answers announced queries of any shape, each with its own rows in their order")
    func joined() async throws {
        let database = try open(try target())
        let rows = Query("SELECT id, number FROM things WHERE id > ? ORDER BY id DESC", 1)
        let text = Query("SELECT 'a \"b\"' || ?", "?")
        let none = Query("SELECT NULL::bytea, number FROM things WHERE id = ?", 9)
        let real = Query("SELECT number / 4.0::double precision, number > ? FROM things WHERE id = 3 LIMIT 1", 2)
        // Its type is none that can be joined.
        let other = Query("SELECT now() - now() FROM things WHERE id = ?", 1)
        for expected in [[rows, text, none, real], [real, rows], [text], [other, rows]] {
            try await database.write { transaction in
                try transaction.execute("DELETE FROM things")
                try transaction.execute("INSERT INTO things (id, number) VALUES (1, 1), (2, 2), (3, 3)")
                try transaction.expect(expected)
                #expect(try transaction.rows(rows) { [try $0.int(), try $0.int()] } == [[3, 3], [2, 2]])
                #expect(try transaction.row(text) { try $0.text() } == "a \"b\"?")
                #expect(try transaction.row(none) { try $0.optionalBlob() } == nil)
                let found = try transaction.row(real) { row in "\(row.any()) \(try row.bool())" }
                #expect(found == "real(0.75) true")
                // A mismatch names the column, as without the announcement.
                try transaction.expect(expected)
                let error = #expect(throws: SchemaMismatch.self) { try transaction.row(rows) { try $0.text() } }
                #expect(error?.description == "column id is not a text")
            }
        }
    }

    @Test("runs inserts that wait as one statement, each into its table, and those into one table in order")
    func joinedInserts() async throws {
        let target = try target()
        let migrations =
            Self.migrations + [
                Migration("things-2", "CREATE TABLE notes (id BIGINT PRIMARY KEY, thing BIGINT REFERENCES things (id))")
            ]
        let database = try Database(target, migrations: migrations, readers: 0)
        try await database.write { transaction in
            for id in 1...3 {
                try transaction.executeLater("INSERT INTO things (id, number) VALUES (?, ?)", id, id)
                try transaction.executeLater("INSERT INTO notes (id, thing) VALUES (?, ?)", id, id)
            }
            // Sees the one before it, because both are about one table.
            try transaction.executeLater(
                "INSERT INTO things (id, number) VALUES (4, (SELECT MAX(number) FROM things) + ?)", 1)
        }
        let found = try await database.read { transaction in
            try transaction.rows(
                "SELECT t.id, t.number, n.id FROM things t LEFT JOIN notes n ON n.thing = t.id ORDER BY t.id"
            ) {
                [try $0.int(), try $0.int(), try $0.optionalInt() ?? 0]
            }
        }
        #expect(found == [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 0]])
        // One that is refused takes the others of its closure with it, and no more.
        try await database.write { try $0.executeLater("INSERT INTO things (id, number) VALUES (5, ?)", 5) }
        await #expect(throws: (any Error).self) {
            try await database.write { transaction in
                try transaction.executeLater("INSERT INTO things (id, number) VALUES (6, ?)", 6)
                try transaction.executeLater("INSERT INTO notes (id, thing) VALUES (6, ?)", 99)
            }
        }
        let count = try await database.read { try $0.row("SELECT COUNT(*) FROM things") { try $0.int() } }
        #expect(count == 5)
    }

    @Test("runs a statement without values that nobody waits for, within a transaction and outside one")
    func plain() async throws {
        let database = try open(try target())
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 1)") }
        try await database.write { try $0.executeLater("UPDATE things SET number = 2") }
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 2)
        try await database.bare { try $0.executeLater("UPDATE things SET number = 3") }
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 3)
    }

    @Test("has its statements numbered, but for what is in quotes")
    func numbered() {
        let (text, count) = PostgresConnection.numbered("SELECT '?', a FROM t WHERE b = ? AND c = '''?' AND d = ?")
        #expect(text == "SELECT '?', a FROM t WHERE b = $1 AND c = '''?' AND d = $2")
        #expect(count == 2)
    }
}
