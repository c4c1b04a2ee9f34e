import Foundation
import Logging
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import PetProStorage

/// Needs a server: `./dev test` starts one.
@Suite("A schema of PostgreSQL", .enabled(if: Database.testServer != nil, "needs a server in TEST_POSTGRES"))
struct PostgresTests {
    static let migrations = [
        Migration("things-1", "CREATE TABLE things (id BIGINT PRIMARY KEY, number BIGINT NOT NULL CHECK (number >= 0))")
    ]

    func target() throws -> PostgresTarget {
        PostgresTarget(
            url: try #require(Database.testServer),
            schema: "p" + UUID().uuidString.lowercased().replacing("-", with: ""))
    }

    func open(_ target: PostgresTarget, readers: Int = 1) throws -> Database {
        try Database(target, migrations: Self.migrations, readers: readers)
    }

    /// Ends all connections of a schema, as a restart of the server does.
    private func cutConnections(of target: PostgresTarget) throws {
        let other = try PostgresConnection(PostgresTarget(url: target.url, schema: "other"))
        _ = try other.texts(
            "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = ?",
            "petpro \(target.schema)")
    }

    @Test("has one writer at a time, so that no decision rests on what another process changes")
    func oneWriter() async throws {
        let target = try target()
        let databases = [try open(target), try open(target)]
        try await databases[0].write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 0)") }
        // Each adds one to what it has read before.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    try await databases[number % 2].write { transaction in
                        let number = try transaction.row("SELECT number FROM things WHERE id = 1") { try $0.int() } ?? 0
                        try transaction.execute("UPDATE things SET number = ? WHERE id = 1", number + 1)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await databases[1].read { try $0.row("SELECT number FROM things") { try $0.int() } } == 100)
    }

    @Test("shows a reader one state, whatever is written meanwhile")
    func snapshot() async throws {
        let target = try target()
        let database = try open(target)
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 1)") }
        let seen = try await database.read { transaction in
            let before = try transaction.row("SELECT number FROM things") { try $0.int() }
            try PostgresConnection(target).execute("UPDATE things SET number = 2")
            return [before, try transaction.row("SELECT number FROM things") { try $0.int() }]
        }
        #expect(seen == [1, 1])
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 2)
    }

    @Test("goes on after its connections were cut, also within a transaction, which runs again")
    func cut() async throws {
        let target = try target()
        let database = try open(target)
        try cutConnections(of: target)
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 1)") }
        let runs = Mutex(0)
        try await database.write { transaction in
            try transaction.execute("UPDATE things SET number = number + 1")
            if runs.withLock({
                $0 += 1; return $0
            }) == 1 {
                try cutConnections(of: target)
            }
            try transaction.execute("UPDATE things SET number = number + 1")
        }
        #expect(runs.withLock { $0 } == 2)
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 3)
    }

    @Test("does not run a transaction again whose commit may have happened, and says so")
    func unknownOutcome() async throws {
        let target = try target()
        let database = try open(target)
        // A deferred check runs at the commit, and there the connection is cut.
        let admin = try PostgresConnection(target)
        try admin.execute(
            """
            CREATE FUNCTION cut() RETURNS trigger AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
            LANGUAGE plpgsql;
            CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut();
            """)
        let runs = Mutex(0)
        let error = await #expect(throws: RemoteError.self) {
            try await database.write { transaction in
                runs.withLock { $0 += 1 }
                try transaction.execute("INSERT INTO things (id, number) VALUES (1, 1)")
            }
        }
        #expect(error?.code == .deadlineExceeded && error?.message?.contains("unknown") == true)
        #expect(runs.withLock { $0 } == 1)
    }

    @Test("refuses what a constraint forbids, and keeps the other writes of the same commit")
    func constraints() async throws {
        let database = try open(try target())
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in -10..<10 {
                group.addTask {
                    do {
                        try await database.write {
                            try $0.execute("INSERT INTO things (id, number) VALUES (?, ?)", number, number)
                        }
                        return true
                    } catch is Transaction.ConstraintViolated {
                        return false
                    }
                }
            }
            let taken = try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            #expect(taken == 10)
        }
        #expect(try await database.read { try $0.row("SELECT COUNT(*) FROM things") { try $0.int() } } == 10)
    }

    /// Runs a write for each of 60 ids at once, and returns which succeeded.
    private func outcomes(
        of database: Database, _ body: @escaping @Sendable (Int, Transaction) throws -> Void
    ) async -> [Int: Bool] {
        await outcomes(of: database) { id, write in try await write(nil) { try body(id, $0) } }
    }

    typealias Write = @Sendable (ReadAhead?, @Sendable @escaping (Transaction) throws -> Void) async throws -> Void

    /// Has `body` make a write for each of 60 ids at once, and returns which succeeded.
    func outcomes(
        of database: Database, _ body: @escaping @Sendable (Int, Write) async throws -> Void
    ) async -> [Int: Bool] {
        await withTaskGroup(of: (Int, Bool).self) { group in
            for id in 100..<160 {
                group.addTask {
                    do {
                        try await body(id) { try await database.write($0, $1) }
                        return (id, true)
                    } catch {
                        return (id, false)
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    @Test("blames nobody for a statement of another that had waited: each gets its own outcome")
    func later() async throws {
        let database = try open(try target())
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (7, 1)") }
        // They share commits. Every third one fails, by a statement that nobody waits for.
        let outcomes = await outcomes(of: database) { id, transaction in
            _ = try transaction.exists("SELECT 1 FROM things WHERE id = ?", id)
            try transaction.executeLater("INSERT INTO things (id, number) VALUES (?, ?)", id % 3 == 0 ? 7 : id, id)
        }
        for id in 100..<160 { #expect(outcomes[id] == (id % 3 != 0), "\(id)") }
        let stored = try await database.read { try $0.rows("SELECT id FROM things WHERE id >= 100") { try $0.int() } }
        #expect(Set(stored) == Set((100..<160).filter { $0 % 3 != 0 }))
    }

    @Test("loses no write when a closure hides that a statement of another failed")
    func hidden() async throws {
        let database = try open(try target())
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (7, 1)") }
        let outcomes = await outcomes(of: database) { id, transaction in
            // Whatever happens to it, this closure goes on.
            _ = try? transaction.exists("SELECT 1 FROM things WHERE id = ?", id)
            if id % 2 == 0 { return try transaction.executeLater("INSERT INTO things VALUES (?, 1)", id) }
            try transaction.executeLater("INSERT INTO things VALUES (?, 1)", id % 3 == 0 ? 7 : id)
        }
        let stored = try await database.read { try $0.rows("SELECT id FROM things WHERE id >= 100") { try $0.int() } }
        #expect(Set(stored) == Set(outcomes.filter(\.value).keys))
        #expect(Set(stored) == Set((100..<160).filter { $0 % 2 == 0 || $0 % 3 != 0 }))
    }

    @Test("knows of a commit that was not reached that nothing happened, and runs the transaction again")
    func notReached() async throws {
        let target = try target()
        let database = try open(target)
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 0)") }
        let runs = Mutex(0)
        // All its statements go with the commit, behind the end of the connection.
        try await database.write { transaction in
            let run = runs.withLock { runs in
                runs += 1
                return runs
            }
            _ = try transaction.exists("SELECT 1 FROM things")
            try transaction.executeLater("UPDATE things SET number = number + ?", 1)
            if run == 1 { try cutConnections(of: target) }
        }
        #expect(runs.withLock { $0 } == 2)
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 1)
    }

    @Test("without a connection to spare is refused with what to change, and works again when there is one")
    func noConnections() async throws {
        let target = try target()
        let role = "r" + UUID().uuidString.lowercased().replacing("-", with: "")
        let admin = try PostgresConnection(PostgresTarget(url: target.url, schema: "other"))
        try admin.execute("CREATE ROLE \(role) LOGIN SUPERUSER")
        defer { try? admin.execute("DROP ROLE \(role)") }
        let url = target.url.replacing("petpro@", with: "\(role)@")
        try #require(url != target.url)
        // A limit does not hold for a superuser.
        try admin.execute("ALTER ROLE \(role) CONNECTION LIMIT 1 NOSUPERUSER")
        try admin.execute("GRANT CREATE ON DATABASE petpro TO \(role)")
        let limited = PostgresTarget(url: url, schema: target.schema)
        let error = #expect(throws: EngineError.self) { try open(limited, readers: 2) }
        #expect(error?.description.contains("too many connections for role") == true, "\(error as Any)")
        try admin.execute("ALTER ROLE \(role) CONNECTION LIMIT 8")
        let database = try open(limited, readers: 2)
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 1)") }
        try database.close()
        try admin.execute("DROP OWNED BY \(role) CASCADE")
    }

    @Test("lets others write soon when a process stalls within a transaction")
    func stalled() async throws {
        let target = try target()
        let database = try open(target)
        let stalled = try PostgresConnection(target)
        try stalled.begin(.write)
        try stalled.execute("INSERT INTO things (id, number) VALUES (1, 1)")
        // The server ends the transaction of the stalled one after half a second, below the limit for waiting.
        try await database.write { try $0.execute("INSERT INTO things (id, number) VALUES (1, 2)") }
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 2)
        #expect(throws: EngineError.self) { try stalled.commit(.write) }

        // So it is while the answer to what another write reads is under way.
        func readAhead(_ id: Int) -> ReadAhead {
            ReadAhead(of: ["\(id)"]) { _ in [Query("SELECT number FROM things WHERE id = ?", id)] }
        }
        let other = try PostgresConnection(target)
        try other.begin(.write)
        try other.beginPart()
        try other.expect(readAhead(1), before: readAhead(2), in: Transaction(other))
        try await database.write { try $0.execute("UPDATE things SET number = 3") }
        #expect(try await database.read { try $0.row("SELECT number FROM things") { try $0.int() } } == 3)
        #expect(throws: EngineError.self) { try other.commit(.write) }
    }

    @Test("is migrated by one process at a time, and not opened when a newer version wrote it")
    func migrations() async throws {
        let target = try target()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { try open(target, readers: 0).close() } }
            try await group.waitForAll()
        }
        let newer = try Database(target, migrations: Self.migrations + [Migration("things-2", "")], readers: 0)
        try newer.close()
        #expect(throws: Database.SchemaTooNew.self) { try open(target) }
        // A step that fails leaves nothing.
        let failing = Migration("things-3", "CREATE TABLE more (id BIGINT); SELECT nothing FROM nowhere")
        #expect(throws: EngineError.self) {
            try Database(target, migrations: Self.migrations + [Migration("things-2", ""), failing], readers: 0)
        }
        let again = try Database(target, migrations: Self.migrations + [Migration("things-2", "")], readers: 0)
        #expect(try await !again.tables().contains("more"))
    }

    @Test("keeps every kind of value as it is, empty ones, quotes and bytes included")
    func values() async throws {
        let database = try Database(
            try target(),
            migrations: [Migration("v", "CREATE TABLE v (i BIGINT, r DOUBLE PRECISION, t TEXT, b BYTEA)")],
            readers: 0)
        let rows: [[SQLValue]] = [
            [.integer(.max), .real(-0.1), .text("ž🐶'?$1\\"), .blob([0, 1, 255])],
            [.integer(.min), .real(1e300), .text(""), .blob([])], [.null, .null, .null, .null],
        ]
        for row in rows {
            try await database.write { try $0.execute("INSERT INTO v (i, r, t, b) VALUES (?, ?, ?, ?)", row) }
        }
        let read = try await database.read { transaction in
            try transaction.rows("SELECT i, r, t, b FROM v") { [$0.any(), $0.any(), $0.any(), $0.any()] }
        }
        #expect(read == rows)
    }

    @Test("seals personal data, finds people by their address, turns keys, and destroys the key of who is erased")
    func personalData() async throws {
        let table = SealedTable(
            "people", subject: "id", columns: ["email"], index: .init("email_key", of: "email") { $0 })
        let steps = [
            Migration(
                "people-1",
                """
                CREATE TABLE people (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, email BYTEA, email_key BYTEA,
                    rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE)
                """)
        ]
        let target = try target()
        @Sendable func person(_ transaction: Transaction, _ id: Int) throws -> String? {
            try transaction.row("SELECT email FROM people WHERE id = ?", id) {
                try transaction.open(try $0.stored(), "email", in: SealedRow(table, row: id, subject: id))
            } ?? nil
        }
        func worker(_ database: Database) -> PersonalDataWorker {
            PersonalDataWorker(
                database: database, tables: [table], logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() },
                now: { Instant(milliseconds: 1) }
            ) { subject, transaction in
                try transaction.execute("DELETE FROM people WHERE id = ?", subject)
            }
        }
        let protection = Protection(service: "people")
        let database = try Database(target, migrations: steps, protection: protection)
        let ids = try await database.write { transaction in
            try (0..<3).map { number in
                let id = try transaction.nextID(in: table, isSubject: true)
                let email = "canary\(number)@petpro.example"
                try transaction.execute(
                    "INSERT INTO people (id, email, email_key) VALUES (?, ?, ?)", id,
                    try transaction.seal(email, "email", in: SealedRow(table, row: id, subject: id)),
                    transaction.index(email, in: table))
                return id
            }
        }
        #expect(try await database.read { try person($0, ids[1]) } == "canary1@petpro.example")
        let found = try await database.read { transaction in
            let (sealed, plain) = transaction.indexes("canary2@petpro.example", in: table)
            return try transaction.row("SELECT id FROM people WHERE email_key IN (?, ?)", sealed, plain) {
                try $0.int()
            }
        }
        #expect(found == ids[2])
        let stored = try await database.read { "\(try $0.table("SELECT * FROM people"))" }
        #expect(!stored.contains("canary"))
        // A closure that fails takes the data key that it made back, and a later one of the same commit makes another.
        struct Failed: Error {}
        let next = try #require(ids.max()) + 1
        async let failed: Void = database.write { transaction in
            _ = try transaction.seal("x", "email", in: SealedRow(table, row: next, subject: next))
            throw Failed()
        }
        async let kept: Void = database.write { transaction in
            let row = SealedRow(table, row: next, subject: next)
            try transaction.execute(
                "INSERT INTO people (id, email) VALUES (?, ?)", next, try transaction.seal("kept", "email", in: row))
        }
        _ = try? await failed
        try await kept
        #expect(try await database.read { try person($0, next) } == "kept")
        // Erasure.
        try await database.write { transaction in
            try transaction.execute("DELETE FROM people WHERE id = ?", ids[0])
            try transaction.noteErasure(of: ids[0], at: Instant(milliseconds: 1))
        }
        try await worker(database).settleErasures()
        let receipts = try await database.read {
            try $0.rows("SELECT key_destroyed_at FROM erasures WHERE subject = ?", ids[0]) { try $0.optionalInt() }
        }
        #expect(receipts == [1])
        #expect(throws: Never.self) { try PostgresConnection(target).texts("SELECT value FROM mark") }
        let left = try PostgresConnection(target).texts(
            "SELECT subject::text FROM data_keys WHERE sealed IS NULL AND destroyed_at IS NOT NULL")
        #expect(left == ["\(ids[0])"])
        // Back to plain, and sealed again.
        try database.close()
        for form in [Protection.Form.plain, .sealed] {
            let other = try Database(
                target, migrations: steps,
                protection: Protection(service: "people", form: form, keys: protection.keys()))
            try await worker(other).convert(table, to: try #require(other.protection))
            let text = try await other.read { transaction in
                try transaction.rows("SELECT email FROM people") { try $0.blob() }.map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
            #expect(text.contains { $0.contains("canary1") } == (form == .plain))
            #expect(try await other.read { try person($0, ids[1]) } == "canary1@petpro.example")
            try other.close()
        }
    }

    @Test("that cannot be reached is refused at the start, with the address and without the password")
    func unreachable() async throws {
        let target = PostgresTarget(url: "postgres://petpro:secret@127.0.0.1:1/petpro", schema: "x")
        let error = #expect(throws: EngineError.self) { try Database(target, migrations: []) }
        #expect(error?.kind == .unavailable && error?.message.contains("127.0.0.1") == true)
        #expect("\(DatabasePlace.schema(target))" == "schema x of host=127.0.0.1 port=1 dbname=petpro user=petpro")
        let odd = PostgresTarget(url: "host=a password = 'two words' user=b", schema: "x")
        #expect(odd.description == "host=a user=b")
        #expect(
            PostgresTarget(url: "postgres://u:%zz@h/d", schema: "x").description
                == "a connection string that cannot be read")
        #expect(error.map { "\($0)".contains("secret") } == false)
    }
}
