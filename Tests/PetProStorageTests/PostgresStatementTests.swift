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
        @Sendable func ahead(_ ids: [Int?]) -> ReadAhead {
            ReadAhead(of: ["things"]) { _ in ids.map { $0.map(number) } }
        }
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 1), (2, 2)") }
        try await database.write(ahead([1, nil, 2, 3])) { transaction in
            #expect(try read(2, transaction) == 2)
            #expect(try read(3, transaction) == nil)
            // The first was asked for before this write, and must see it.
            try transaction.execute("UPDATE things SET number = number + 10")
            #expect(try read(1, transaction) == 11)
        }
        try await database.write(ahead([1, 2])) { transaction in
            try transaction.executeLater("UPDATE things SET number = number + ?", 100)
            #expect(try read(2, transaction) == 112)
            #expect(try read(1, transaction) == 111)
        }
        // Nothing of one transaction answers in the next.
        try await database.write(ahead([1])) { _ in }
        try await database.write { try $0.execute("UPDATE things SET number = 5 WHERE id = 1") }
        #expect(try await database.write { try read(1, $0) } == 5)
        #expect(try await database.read { try read(1, $0) } == 5)
    }

    @Test("answers what a write reads while the one before it runs, unless that one may change it")
    func readAhead() throws {
        let connection = try PostgresConnection(try target())
        let transaction = Transaction(connection)
        @Sendable func query(_ number: Int) -> Query { Query("SELECT ?::bigint + 0", number) }
        func job(_ key: String, _ value: Int) -> DatabaseJob {
            DatabaseJob(.write, readAhead: ReadAhead(of: ["all \(value % 2)", key]) { _ in [query(value)] })
        }
        func value(_ number: Int) throws -> Int? { try transaction.row(query(number)) { try $0.int() } }
        let (first, second) = (job("a", 1), job("b", 2))
        try connection.begin(.write)
        try connection.beginPart()
        try connection.expect(try #require(first.readAhead), before: second.readAhead(after: first), in: transaction)
        #expect(try value(1) == 1)
        #expect(connection.underway.contains { $0.sql != nil })
        try connection.endPart()
        try connection.beginPart()
        try connection.expect(try #require(second.readAhead), before: nil, in: transaction)
        #expect(connection.answers.count == 1)
        #expect(try value(2) == 2)
        try connection.endPart()
        try connection.commit(.write)
        #expect(!connection.isInTransaction)
        #expect(job("a", 3).readAhead(after: job("a", 4)) == nil)
        #expect(job("c", 3).readAhead(after: first) == nil)
        #expect(job("c", 3).readAhead(after: DatabaseJob(.write)) == nil)
    }

    @Test("lets no write decide from what another one changes that shares its commit")
    func keys() async throws {
        let database = try open(try target())
        try await database.write { transaction in
            for id in 0..<6 { try transaction.execute("INSERT INTO things (id, number) VALUES (?, 0)", id) }
        }
        // Each adds one to what it has read before. Every fifth fails afterwards, and every seventh by a statement that waits.
        let outcomes = await outcomes(of: database) { id, write in
            let query = Query("SELECT number FROM things WHERE id = ?", id % 6)
            try await write(ReadAhead(of: ["\(id % 6)"]) { _ in [query] }) { transaction in
                let number = try transaction.row(query) { try $0.int() } ?? 0
                try transaction.executeLater("UPDATE things SET number = ? WHERE id = ?", number + 1, id % 6)
                if id % 7 == 0 { try transaction.executeLater("INSERT INTO things (id, number) VALUES (?, -1)", id) }
                if id % 5 == 0 { throw CancellationError() }
            }
        }
        let good = (100..<160).filter { $0 % 5 != 0 && $0 % 7 != 0 }
        #expect(Set(outcomes.filter(\.value).keys) == Set(good))
        let numbers = try await database.read { try $0.rows("SELECT number FROM things ORDER BY id") { try $0.int() } }
        #expect(numbers == (0..<6).map { id in good.filter { $0 % 6 == id }.count })
    }

    @Test("fails a write alone whose read cannot be answered ahead")
    func failingReadAhead() async throws {
        let database = try open(try target())
        let outcomes = await outcomes(of: database) { id, write in
            let query = Query("SELECT 1 / ?::bigint", id % 4)
            try await write(ReadAhead(of: ["\(id)"]) { _ in [query] }) { transaction in
                _ = try transaction.exists(query)
                try transaction.executeLater("INSERT INTO things (id, number) VALUES (?, 1)", id)
            }
        }
        let good = Set((100..<160).filter { $0 % 4 != 0 })
        #expect(Set(outcomes.filter(\.value).keys) == good)
        #expect(Set(try await database.read { try $0.rows("SELECT id FROM things") { try $0.int() } }) == good)
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
            }
            let readAhead = ReadAhead(of: []) { _ in expected }
            try await database.write(readAhead) { transaction in
                #expect(try transaction.rows(rows) { [try $0.int(), try $0.int()] } == [[3, 3], [2, 2]])
                #expect(try transaction.row(text) { try $0.text() } == "a \"b\"?")
                #expect(try transaction.row(none) { try $0.optionalBlob() } == nil)
                let found = try transaction.row(real) { row in "\(row.any()) \(try row.bool())" }
                #expect(found == "real(0.75) true")
            }
            try await database.write(readAhead) { transaction in
                // A mismatch names the column, as without the announcement.
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
