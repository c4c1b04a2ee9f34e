import Foundation
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import AuthService

@Suite("The keys that sign tokens")
struct SigningKeysTests {
    private let path = NSTemporaryDirectory() + "petpro-keys-" + UUID().uuidString

    private func remove() { try? FileManager.default.removeItem(atPath: path) }

    private func mode() throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    @Test("are in a file of their own, with mode 0600, and stay the same")
    func file() throws {
        defer { remove() }
        let made = try SigningKeys.load(path)
        #expect(made.keys.count == 1 && made.newest.seed.count == 32)
        #expect(try mode() == 0o600)
        #expect(try SigningKeys.load(path).keys == made.keys)
        // Laxer rights are taken away.
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        _ = try SigningKeys.load(path)
        #expect(try mode() == 0o600)
    }

    @Test("may be several: all of them verify, the last one signs")
    func several() async throws {
        defer { remove() }
        let database = try Database.temporary(AuthController.migrations)
        func auth(_ path: String?) async throws -> AuthController {
            try await AuthController(database: database, signingKeys: path, passwordCost: 4)
        }
        let first = try await auth(path)
        _ = try await first.createUser(
            CreateUser(email: "a@b.cz", password: "correct horse", name: "A", role: .customer))
        let old = try await first.login(Login(email: "a@b.cz", password: "correct horse")).accessToken
        let keys = try SigningKeys.load(path)
        func seed(_ byte: UInt8) -> String { Data(repeating: byte, count: 32).base64EncodedString() }
        let object: JSONValue = [
            "keys": [
                ["id": .string(keys.newest.id), "seed": .string(Data(keys.newest.seed).base64EncodedString())],
                ["id": "new", "seed": .string(seed(7))],
            ]
        ]
        try PrivateFiles.write(Data(object.jsonText.utf8), to: path)
        let second = try await auth(path)
        #expect(try await second.validateToken(ValidateToken(token: old)).valid)
        let new = try await second.login(Login(email: "a@b.cz", password: "correct horse")).accessToken
        let header = Data(base64Encoded: String(new.prefix { $0 != "." }) + "==") ?? Data()
        #expect(String(decoding: header, as: UTF8.self).contains("\"new\""))
        #expect(try await first.validateToken(ValidateToken(token: new)).reason == "malformed")
    }

    @Test("that are unusable are told by what is wrong with the file")
    func unusable() throws {
        defer { remove() }
        let seed = Data(repeating: 1, count: 32).base64EncodedString()
        for (text, said) in [
            ("{", "must be JSON"), ("{\"keys\":[]}", "has no key"),
            ("{\"keys\":[{\"id\":\"a\",\"seed\":\"AQ==\"}]}", "keys[0] must have an id"),
            ("{\"keys\":[{\"id\":\"a\",\"seed\":\"\(seed)\"},{\"id\":\"a\",\"seed\":\"\(seed)\"}]}", "an id twice"),
        ] {
            try PrivateFiles.write(Data(text.utf8), to: path)
            let error = #expect(throws: SigningKeys.Unusable.self) { try SigningKeys.load(path) }
            #expect(error?.description.contains(said) == true && error?.description.contains(path) == true)
        }
    }

    @Test("leave the database they were in, and tokens that they signed stay good")
    func inherited() async throws {
        defer { remove() }
        let file = NSTemporaryDirectory() + "petpro-auth-" + UUID().uuidString
        defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + end) } }
        let seed: [UInt8] = Array("a seed that is easily found again".utf8.prefix(32))
        let former = try Database(path: file, migrations: [AuthSchema.migrations[0]])
        try await former.write { transaction in
            try transaction.execute("INSERT INTO signing_key (id, seed) VALUES (1, ?)", SQLValue.blob(seed))
        }
        try former.close()
        let database = try Database(path: file, migrations: AuthController.migrations)
        let auth = try await AuthController(database: database, signingKeys: path, passwordCost: 4)
        let keys = try SigningKeys.load(path)
        #expect(keys.newest == .init(id: "auth-1", seed: seed))
        let token = try await AccessTokens(keys).issue(
            to: User(
                id: 1, email: "a@b.cz", name: "A", role: .customer, state: .active,
                createdAt: Instant(milliseconds: 0)), at: .current())
        #expect(try await auth.validateToken(ValidateToken(token: token.token)).reason == "unknown_user")
        try database.close()
        for end in ["", "-wal"] {
            guard let bytes = FileManager.default.contents(atPath: file + end) else { continue }
            #expect(bytes.range(of: Data(seed)) == nil, "the seed is still in the database\(end)")
        }
    }
}
