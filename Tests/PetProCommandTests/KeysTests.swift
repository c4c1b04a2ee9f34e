import Foundation
import PetProAssembly
import PetProTesting
import Rookery
import RookeryCore
import RookeryTesting
import Testing

/// Runs `petpro` to its end.
private func petpro(_ arguments: String...) async throws -> (output: String, errors: String, code: Int32) {
    let errors = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: errors) }
    let program = try await RunningProgram(RunningProgram.url("petpro"), arguments, errorsTo: errors)
    let code = await program.exitCode()
    _ = await program.line("\u{0}")
    return (program.printed, try String(contentsOfFile: errors, encoding: .utf8), code)
}

/// A folder with a key for each holder.
private func withKeys(_ body: (KeyFolder) async throws -> Void) async throws {
    let folder = KeyFolder(NSTemporaryDirectory() + "keys-\(UUID())")
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    _ = try folder.makeIfAbsent(environment: "test", at: Instant(milliseconds: 1_700_000_000_000))
    try await body(folder)
}

private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}

@Suite("petpro keys")
struct KeysTests {
    @Test("makes a key that only its owner can read, and never prints it")
    func create() async throws {
        try await withKeys { folder in
            let run = try await petpro(
                "keys", "create", "payments", "--allow", "booking/get-booking", "--keys", folder.path)
            let text = try String(contentsOfFile: folder.key(of: "payments"), encoding: .utf8)
            let key = try folder.readKey(of: "payments")
            #expect(run.code == 0 && !run.output.contains(text.prefix(30)) && run.output.contains(key.id))
            #expect(try mode(folder.key(of: "payments")) == 0o600 && mode(folder.keyring) == 0o600)
            let record = try need(try folder.read()[key.id])
            #expect(record.service == "payments" && record.scopes.map(\.description) == ["booking/get-booking"])
            let day = (record.notAfter?.milliseconds ?? 0) - record.createdAt.milliseconds
            #expect(day == 90 * 86_400_000)
            let again = try await petpro("keys", "create", "payments", "--allow", "*", "--keys", folder.path)
            #expect(again.code == 1 && again.errors.contains("payments.key exists"))
            #expect(try folder.read().records.count == KeyHolder.allCases.count + 1)
        }
    }

    @Test("lists every key with its state and scopes, without a secret")
    func list() async throws {
        try await withKeys { folder in
            let vendor = try folder.readKey(of: "vendor")
            #expect(try await petpro("keys", "revoke", vendor.id, "--keys", folder.path).code == 0)
            let text = try await petpro("keys", "list", "--keys", folder.path).output
            #expect(text.contains("gateway  \(try folder.readKey(of: "gateway").id)  active"))
            #expect(text.contains("\(vendor.id)  revoked") && text.contains("  vendor/get-vendor-availability\n"))
            #expect(text.contains("  allows no command"))
            let lines = try await petpro("keys", "list", "--keys", folder.path, "--json").output
            let states = try lines.split(separator: "\n").map {
                try JSONValue(parsing: String($0))["state"]?.stringValue
            }
            #expect(states.count == 6 && states.filter { $0 == "revoked" }.count == 1)
            for holder in KeyHolder.allCases {
                let secret = try folder.readKey(of: holder.rawValue).text.split(separator: "_")[3]
                #expect(!text.contains(secret) && !lines.contains(secret))
            }
        }
    }

    @Test("rotates a key: a new one with the same scopes, and an end for the old one")
    func rotate() async throws {
        try await withKeys { folder in
            let old = try folder.readKey(of: "booking")
            let run = try await petpro("keys", "rotate", "booking", "--overlap", "1m", "--keys", folder.path)
            let new = try folder.readKey(of: "booking")
            #expect(run.code == 0 && new.id != old.id && new.environment == "test")
            let keyring = try folder.read()
            #expect(keyring[new.id]?.scopes == KeyHolder.booking.scopes && keyring[new.id]?.notAfter == nil)
            let end = try need(keyring[old.id]?.notAfter)
            let made = try need(keyring[new.id]?.createdAt)
            // A minute after the service got the new key, a second after it was made.
            #expect((60_000...75_000).contains(end.milliseconds - made.milliseconds))
            // For several hosts, the new key waits in a file of its own.
            let waiting = folder.path + "/next.key"
            let prepared = try await petpro(
                "keys", "rotate", "booking", "--prepare", waiting, "--keys", folder.path)
            #expect(prepared.code == 0 && FileManager.default.fileExists(atPath: waiting))
            #expect(try folder.readKey(of: "booking").id == new.id && folder.read()[new.id]?.notAfter == nil)
            // A key that expires is replaced by one with the same lifetime.
            _ = try await petpro("keys", "create", "web", "--allow", "*", "--days", "9", "--keys", folder.path)
            _ = try await petpro("keys", "rotate", "web", "--keys", folder.path)
            let web = try need(try folder.read()[try folder.readKey(of: "web").id])
            #expect((web.notAfter?.milliseconds ?? 0) - web.createdAt.milliseconds == 9 * 86_400_000)
        }
    }

    @Test("takes over a public half from another host, once")
    func imports() async throws {
        try await withKeys { folder in
            try await withKeys { other in
                let record = try need(try other.read().records.first)
                let file = folder.path + "/record.json"
                try record.jsonValue.jsonText.write(toFile: file, atomically: true, encoding: .utf8)
                #expect(try await petpro("keys", "import", file, "--keys", folder.path).code == 0)
                #expect(try folder.read()[record.id] == record)
                let again = try await petpro("keys", "import", file, "--keys", folder.path)
                #expect(again.code == 1 && again.errors.contains(record.id))
                let secret = try await petpro("keys", "import", other.key(of: "gateway"), "--keys", folder.path)
                #expect(secret.code == 1 && !secret.errors.contains("ptk_"))
            }
        }
    }

    @Test("loses no change when several commands run at once")
    func concurrent() async throws {
        try await withKeys { folder in
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<6 {
                    group.addTask {
                        let run = try await petpro(
                            "keys", "create", "other-\(number)", "--allow", "*", "--keys", folder.path)
                        #expect(run.code == 0)
                    }
                }
            }
            #expect(try folder.read().records.count == KeyHolder.allCases.count + 6)
        }
    }

    @Test("begins a keyring in a new folder, for servers that are not PetPro's")
    func begins() async throws {
        let folder = KeyFolder(NSTemporaryDirectory() + "keys-\(UUID())")
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        #expect(try await petpro("keys", "create", "web", "--allow", "shop/*", "--keys", folder.path).code == 0)
        #expect(try folder.read().records.map(\.service) == ["web"] && mode(folder.path) == 0o700)
        // A platform does not take it for its own keys.
        let up = try await petpro("up", "--keys", folder.path, "--data", folder.path + "/data", "--http", "127.0.0.1:0")
        #expect(up.code == 1 && up.errors.contains("auth.key"), "\(up.errors)")
    }

    @Test("names what is wrong, and changes nothing")
    func wrong() async throws {
        try await withKeys { folder in
            let before = try folder.read()
            for (arguments, code, text) in [
                (["create", "payments"], Int32(2), "--allow"),
                (["create", "pay ments", "--allow", "*"], 2, "letters, digits"),
                (["create", "payments", "--allow", "everything"], 2, "SERVICE/COMMAND"),
                (["create", "payments", "--allow", "*", "--days", "-1"], 2, "--days"),
                (["create", "payments", "--allow", "*", "--environment", "LIVE"], 1, "--environment"),
                (["rotate", "nobody"], 1, "nobody has no active key"), (["revoke", "nobody"], 1, "no key nobody"),
                (["rotate", "booking", "--overlap", "0s"], 2, "--overlap"),
                (["import", "nowhere.json"], 1, "nowhere.json"),
            ] {
                let all = ["keys"] + arguments + ["--keys", folder.path]
                let errors = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
                defer { try? FileManager.default.removeItem(atPath: errors) }
                let program = try await RunningProgram(RunningProgram.url("petpro"), all, errorsTo: errors)
                #expect(await program.exitCode() == code)
                #expect(try String(contentsOfFile: errors, encoding: .utf8).contains(text), "\(arguments)")
            }
            #expect(try folder.read() == before)
            let none = try await petpro("keys", "list", "--keys", folder.path + "/none")
            #expect(none.code == 1 && none.errors.contains("petpro up"))
        }
    }
}

@Suite("A platform with service keys")
struct PlatformKeyTests {
    @Test("answers no description without a key at any service's port, and one with the operator's key at each")
    func closed() async throws {
        try await RunningPlatform.running { platform in
            let base = try need(platform.basePort)
            for (at, service) in ["auth", "booking", "vendor", "product"].enumerated() {
                for holder in [nil, "operator"] {
                    var configuration = ClientConfiguration(host: "127.0.0.1", port: base + at)
                    configuration.name = service
                    configuration.key = holder.map { "\(platform.data)/keys/\($0).key" }
                    try await withRookeryClient(configuration) { client in
                        var code: String?
                        do {
                            _ = try await client.send("$rookery.describe", .null)
                        } catch let error as RemoteError {
                            code = error.code?.rawValue
                        }
                        #expect(code == (holder == nil ? "SERVICE_UNAUTHENTICATED" : nil))
                    }
                }
            }
            #expect(try mode(platform.data + "/keys") == 0o700)
        }
    }

    @Test("opens the port of a service that is named with --open")
    func open() async throws {
        try await RunningPlatform.running(["--open", "product"]) { platform in
            let base = try need(platform.basePort)
            let product = RookeryClient(host: "127.0.0.1", port: base + 3)
            #expect(try await product.send(Pattern(cmd: "get-product"), ["id": 9001])?["id"] == 9001)
            #expect(try await product.send("$rookery.health", .null)?["open"] == true)
            await product.close()
            let vendor = RookeryClient(host: "127.0.0.1", port: base + 2)
            let error = await #expect(throws: RemoteError.self) {
                try await vendor.send(Pattern(cmd: "get-vendor-by-id"), ["id": 1])
            }
            #expect(error?.code == .serviceUnauthenticated)
            await vendor.close()
        }
    }
}
