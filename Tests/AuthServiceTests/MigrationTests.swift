import Foundation
import PetProContracts
import PetProStorage
import Rookery
import Testing

@testable import AuthService

@Suite("A database of accounts from before")
struct MigrationTests {
    @Test("loses every digest of a password, in its file too, and keeps its accounts")
    func digests() async throws {
        let path = NSTemporaryDirectory() + "petpro-auth-" + UUID().uuidString
        defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let digest = "digest-of-a-registration-with-its-password"
        let former = try Database(path: path, migrations: [AuthSchema.migrations[0]])
        try await former.write { transaction in
            for (id, email, state) in [(7, "a@b.cz", "active"), (9, "b@b.cz", "pending_vendor")] {
                try transaction.execute(
                    """
                    INSERT INTO users (id, email, email_key, password, name, role, state, registration_key,
                        registration_hash, created_at)
                    VALUES (?, ?, ?, 'x', ?, 'vendor', ?, ?, ?, 5)
                    """, id, email, email, String(repeating: "n", count: 150), state, "key-\(id)", digest)
            }
            try transaction.execute("DELETE FROM users WHERE id = 9")
            try transaction.execute(
                """
                INSERT INTO refresh_tokens (hash, user_id, family, expires_at) VALUES ('h', 7, 'f', 9)
                """)
        }
        try former.close()
        let database = try Database(path: path, migrations: AuthSchema.migrations)
        let user = try await database.read { try $0.user(id: 7) }
        #expect(user?.user.email == "a@b.cz" && user?.user.name.count == 100 && user?.registrationDigest == nil)
        #expect(try await database.read { try $0.table("SELECT * FROM refresh_tokens").count } == 1)
        // No id is given twice, also not that of an account that is gone.
        let next = try await database.write { transaction in
            try transaction.insertUser(
                CreateUser(email: "c@b.cz", password: "correct horse", name: "C", role: .customer), state: .active,
                password: "x", at: Instant(milliseconds: 1))
        }
        #expect(next.id == 10)
        try database.close()
        for end in ["", "-wal"] {
            guard let bytes = FileManager.default.contents(atPath: path + end) else { continue }
            #expect(bytes.range(of: Data(digest.utf8)) == nil, "a digest is still in the database\(end)")
        }
    }

    @Test("is known to hold demo data by its admin", arguments: [("admin@petpro.example", "demo"), ("a@b.cz", "live")])
    func kind(_ email: String, _ expected: String) async throws {
        let path = NSTemporaryDirectory() + "petpro-auth-" + UUID().uuidString
        defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let former = try Database(path: path, migrations: [AuthSchema.migrations[0]])
        try await former.write { transaction in
            try transaction.execute(
                """
                INSERT INTO users (email, email_key, password, name, role, state, created_at)
                VALUES (?, ?, 'x', 'N', 'admin', 'active', 5)
                """, email, email)
        }
        try former.close()
        let database = try Database(path: path, migrations: AuthSchema.migrations)
        defer { try? database.close() }
        let kind = try await database.read { try $0.row("SELECT kind FROM store_kind") { try $0.text() } }
        #expect(kind == expected)
    }
}
