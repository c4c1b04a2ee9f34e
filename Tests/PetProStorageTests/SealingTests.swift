import Crypto
import Foundation
import Logging
import PetProContracts
import PetProRuntime
import Rookery
import RookeryTesting
import Testing

@testable import PetProStorage

private let now = Instant(milliseconds: 1_800_000_000_000)
private let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

private func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).map { at in
        let start = hex.index(hex.startIndex, offsetBy: at)
        return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
    }
}

@Suite("A sealed value")
struct SealedValueTests {
    private static let key = SealingKey(secret: SymmetricKey(data: (0..<32).map { UInt8($0) }))
    private static let path = FieldPath(service: "booking", table: "pets", column: "notes", row: "12", subject: 57)

    /// Made with Node's `crypto` from the secret 00…1f and the nonce a0…ab. A released form stays readable for ever.
    private static let vectors = [
        "0142f01d0ff5c0789535b31744be20f03069700bce2c9863d81f8ef50f2b8a07d9a0a1a2a3a4a5a6a7a8a9aaabdcfffa2e9c811dd839b3ec"
            + "5418e002903d06aca37eb683284a172c2d5067a0325388"
    ]

    @Test("that an earlier version or another program made can be opened", arguments: vectors)
    func opens(_ vector: String) throws {
        let opened = try Self.key.open(bytes(vector), at: Self.path)
        #expect(String(decoding: opened, as: UTF8.self) == "bites postmen 🐕")
        #expect(Self.key.id == "42f01d0ff5c07895" && SealingKey.id(of: bytes(vector)) == Self.key.id)
    }

    @Test("is another one each time, and opens with its own key, at its own place, whole")
    func bound() throws {
        let sealed = try Self.key.seal("secret".utf8, at: Self.path)
        #expect(try Self.key.seal("secret".utf8, at: Self.path) != sealed)
        #expect(try Self.key.open(sealed, at: Self.path) == Array("secret".utf8))
        let elsewhere = [
            FieldPath(service: "vendor", table: "pets", column: "notes", row: "12", subject: 57),
            FieldPath(service: "booking", table: "bookings", column: "notes", row: "12", subject: 57),
            FieldPath(service: "booking", table: "pets", column: "name", row: "12", subject: 57),
            FieldPath(service: "booking", table: "pets", column: "notes", row: "13", subject: 57),
            FieldPath(service: "booking", table: "pets", column: "notes", row: "12", subject: 58),
        ]
        for path in elsewhere {
            #expect(throws: Unreadable.self, "\(path.text)") { try Self.key.open(sealed, at: path) }
        }
        let other = SealingKey(secret: SymmetricKey(size: .bits256))
        #expect(throws: Unreadable.self) { try other.open(sealed, at: Self.path) }
        for at in sealed.indices {
            var damaged = sealed
            damaged[at] ^= 1
            #expect(throws: Unreadable.self, "byte \(at)") { try Self.key.open(damaged, at: Self.path) }
        }
        for length in sealed.indices {
            #expect(throws: Unreadable.self, "\(length) bytes") {
                try Self.key.open(Array(sealed[..<length]), at: Self.path)
            }
        }
    }

    @Test("with the commitment of another key is refused")
    func commitment() throws {
        // The ciphertext of one key, with the commitment of another.
        let other = SealingKey(secret: SymmetricKey(size: .bits256))
        let head = try other.seal([], at: Self.path)[..<33]
        let tail = try Self.key.seal("secret".utf8, at: Self.path)[33...]
        #expect(throws: Unreadable.self) { try Self.key.open(Array(head + tail), at: Self.path) }
        #expect(throws: Unreadable.self) { try other.open(Array(head + tail), at: Self.path) }
    }
}

@Suite("Personal data in a database")
struct PersonalDataTests {
    private static let table = SealedTable(
        "people", subject: "id", columns: ["email", "note"],
        index: .init("email_key", of: "email") { $0.lowercased() })
    private static let migrations = [
        Migration(
            "people-1",
            """
            CREATE TABLE people (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                email TEXT NOT NULL,
                email_key TEXT NOT NULL UNIQUE,
                note TEXT
            );
            """)
    ]

    private let folder = FileManager.default.temporaryDirectory.appending(path: "sealing-\(UUID())").path

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    private var path: String { folder + "/people.sqlite" }
    private var keyFile: String { folder + "/encryption-keys.json" }

    private func open(_ form: Protection.Form = .sealed) throws -> Database {
        let keys = try EncryptionKeyFile(keyFile, logger: quiet)
        return try Database(
            path: path, migrations: Self.migrations, protection: Protection(service: "people", form: form, keys: keys))
    }

    private func worker(_ database: Database) -> PersonalDataWorker {
        PersonalDataWorker(database: database, tables: [Self.table], logger: quiet, now: { now }) { id, transaction in
            try transaction.execute("DELETE FROM people WHERE id = ?", id)
        }
    }

    @discardableResult
    private func insert(_ email: String, _ note: String?, in database: Database) async throws -> Int {
        try await database.write { transaction in
            let id = try transaction.nextID(in: Self.table, isSubject: true)
            let row = SealedRow(Self.table, row: id, subject: id)
            try transaction.execute(
                "INSERT INTO people (id, email, email_key, note) VALUES (?, ?, ?, ?)", id,
                try transaction.seal(email, "email", in: row), transaction.index(email, in: Self.table),
                try transaction.seal(note, "note", in: row))
            return id
        }
    }

    private func note(_ email: String, in database: Database) async throws -> String? {
        try await database.read { transaction in
            let (sealed, plain) = transaction.indexes(email, in: Self.table)
            return try transaction.row("SELECT id, note FROM people WHERE email_key IN (?, ?)", sealed, plain) { row in
                let id = try row.int()
                return try transaction.open(try row.stored(), "note", in: SealedRow(Self.table, row: id, subject: id))
            } ?? nil
        }
    }

    /// The bytes of all files of the database and its key store.
    private func files() throws -> [String: Data] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("people") }
            .reduce(into: [:]) { $0[$1] = try Data(contentsOf: URL(filePath: folder + "/" + $1)) }
    }

    private func isAnywhere(_ text: String) throws -> Bool {
        try files().values.contains { $0.range(of: Data(text.utf8)) != nil }
    }

    @Test("is in no file as it is, and its owner finds it by its address")
    func sealed() async throws {
        let database = try open()
        try await insert("Canary@example.org", "canary note", in: database)
        #expect(try await note("canary@EXAMPLE.org", in: database) == "canary note")
        for text in ["Canary@", "canary@", "canary note"] { #expect(try !isAnywhere(text), "\(text)") }
        // The same address is one account.
        await #expect(throws: Transaction.ConstraintViolated.self) {
            try await insert("CANARY@example.org", nil, in: database)
        }
        try database.close()
        let again = try open()
        #expect(try await note("canary@example.org", in: again) == "canary note")
        try again.close()
    }

    @Test("of an earlier version is sealed in the background, which goes on after a stop, and can be taken back")
    func conversion() async throws {
        // Without a key store, as an earlier version wrote it.
        var database = try Database(path: path, migrations: Self.migrations)
        for number in 0..<250 { try await insert("canary\(number)@example.org", "canary note", in: database) }
        #expect(try isAnywhere("canary note"))
        try database.close()

        database = try open()
        // A stop after the first batch.
        let step = try await database.write { try Self.table.convertNext(in: $0, .sealed, limit: 100) }
        #expect(step.changed == 100 && !step.isDone)
        #expect(try await note("canary0@example.org", in: database) == "canary note")
        #expect(try await note("canary249@example.org", in: database) == "canary note")
        try database.close()

        database = try open()
        let protection = try #require(database.protection)
        try await worker(database).convert(Self.table, to: protection)
        #expect(try !isAnywhere("canary note") && !isAnywhere("canary7@example.org"))
        for number in [0, 99, 100, 249] {
            #expect(try await note("canary\(number)@example.org", in: database) == "canary note")
        }
        try database.close()

        database = try open(.plain)
        try await worker(database).convert(Self.table, to: try #require(database.protection))
        #expect(try await note("canary249@example.org", in: database) == "canary note")
        try database.close()
        #expect(try isAnywhere("canary note"))
        // Without any key, as before there was encryption.
        let without = try Database(path: path, migrations: Self.migrations)
        #expect(try await note("canary249@example.org", in: without) == "canary note")
        try without.close()
    }

    @Test("is under a new encryption key after a rotation, while it is in use, and needs the old one no more")
    func rotation() async throws {
        let database = try open()
        for number in 0..<120 { try await insert("canary\(number)@example.org", "canary note", in: database) }
        let file = SecretKeyFile.encryption(keyFile)
        let old = try file.read().ids[0]
        let new = try file.update { $0.preparing() }
        try file.update { keys in (try #require(keys.promoting(new)), ()) }
        let other = try open()
        // This instance seals with the new key; the first one has not read the file again, and opens it all the same.
        try await insert("later@example.org", "canary note", in: other)
        #expect(try await note("later@example.org", in: database) == "canary note")
        try await worker(other).rewrap()
        #expect(try EncryptionKeyUse.read(ofDatabase: path) == [new: 122])
        try file.update { keys in (try #require(keys.without(old)), ()) }
        try database.close()
        try other.close()
        let after = try open()
        #expect(try await note("canary7@example.org", in: after) == "canary note")
        try after.close()
    }

    @Test("cannot be opened without its encryption keys or its key store, and the error names what is missing")
    func missingKeys() async throws {
        let database = try open()
        try await insert("canary@example.org", "canary note", in: database)
        try database.close()
        let id = try SecretKeyFile.encryption(keyFile).read().ids[0]
        try FileManager.default.moveItem(atPath: keyFile, toPath: keyFile + ".away")
        let lost = #expect(throws: KeyStore.MissingKey.self) { try open() }
        #expect(lost?.description.contains(id) == true && lost?.description.contains("people.keys.sqlite") == true)
        try FileManager.default.removeItem(atPath: keyFile)
        try FileManager.default.moveItem(atPath: keyFile + ".away", toPath: keyFile)

        try FileManager.default.moveItem(atPath: folder + "/people.keys.sqlite", toPath: folder + "/away")
        let other = #expect(throws: Database.WrongKeyStore.self) { try open() }
        #expect(other?.description.contains("people.keys.sqlite") == true)
        for file in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder + "/people.keys.sqlite" + file)
        }
        try FileManager.default.moveItem(atPath: folder + "/away", toPath: folder + "/people.keys.sqlite")
        let back = try open()
        #expect(try await note("canary@example.org", in: back) == "canary note")
        try back.close()
    }

    @Test("of an erased person stays unreadable in a backup, and is erased again when the backup is restored")
    func backup() async throws {
        var database = try open()
        let id = try await insert("canary@example.org", "canary note", in: database)
        try await insert("other@example.org", "other note", in: database)
        try await database.checkpoint()
        // Yesterday's backup leaves the key store out.
        let backup = try Data(contentsOf: URL(filePath: path))

        try await database.write { transaction in
            try transaction.execute("DELETE FROM people WHERE id = ?", id)
            try transaction.noteErasure(of: id, at: now)
        }
        try await worker(database).settleErasures()
        let receipt = try await database.read { transaction in
            try transaction.row("SELECT subject, erased_at, key_destroyed_at FROM erasures") { row in
                [try row.int(), Int(try row.instant().milliseconds), Int(try row.instant().milliseconds)]
            }
        }
        #expect(receipt == [id, Int(now.milliseconds), Int(now.milliseconds)])
        // Nothing is sealed for this person again, and nobody gets the id.
        await #expect(throws: RemoteError.self) {
            try await database.write { transaction in
                _ = try transaction.seal("more", "note", in: SealedRow(Self.table, row: id, subject: id))
            }
        }
        try database.close()
        for file in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + file) }
        try backup.write(to: URL(filePath: path))

        database = try open()
        #expect(try await note("canary@example.org", in: database) == nil)
        #expect(try await note("other@example.org", in: database) == "other note")
        try await worker(database).erasePeopleOfBackups()
        let people = try await database.read { try $0.rows("SELECT id FROM people") { try $0.int() } }
        #expect(people == [id + 1])
        #expect(try await database.read { try $0.isErased(id) })
        // Ids that were given after the backup are not given again.
        #expect(try await insert("new@example.org", nil, in: database) == id + 2)
        try database.close()
    }

    @Test("that comes back with a backup from before is sealed again, and a row that cannot be read holds up no other")
    func laterRows() async throws {
        let database = try open()
        let protection = try #require(database.protection)
        try await worker(database).convert(Self.table, to: protection)
        let damaged = try await insert("damaged@example.org", "canary", in: database)
        // As a restored backup, or an instance of an earlier version, has them.
        for number in 0..<3 {
            try await database.write { transaction in
                try transaction.execute(
                    "INSERT INTO people (email, email_key, note) VALUES (?, ?, ?)", "plain\(number)@example.org",
                    "plain\(number)@example.org", "plain note")
            }
        }
        try await database.write { transaction in
            try transaction.execute("UPDATE people SET email = 'x', note = zeroblob(80) WHERE id = ?", damaged)
        }
        try await worker(database).convert(Self.table, to: protection)
        let forms = try await database.read { transaction in
            try transaction.rows("SELECT typeof(note) FROM people WHERE id > ?", damaged) { try $0.text() }
        }
        #expect(forms == ["blob", "blob", "blob"])
        #expect(try await note("plain2@example.org", in: database) == "plain note")
        try database.close()
    }
}
