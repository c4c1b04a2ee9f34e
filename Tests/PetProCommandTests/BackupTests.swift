import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("A backup")
struct BackupTests {
    private func command(_ arguments: String...) async throws -> String {
        let run = try await petpro(arguments)
        return "\(run.code) \(run.output)\(run.errors)"
    }

    /// The cursor of the first chunk of a watch, and whether it is a snapshot.
    private func cursor(_ platform: RunningPlatform, after: String?) async throws -> (cursor: String, isSnapshot: Bool)
    {
        let path = "/api/products/9001/inventory/stream" + (after.map { "?after=\($0)" } ?? "")
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: platform.http.url + path), timeout: .seconds(20))
        var text = ""
        for try await part in response.body {
            text += String(buffer: part)
            if text.contains("\n\n"), let line = text.split(separator: "\n").first(where: { $0.hasPrefix("id:") }) {
                return (line.dropFirst(3).trimmingCharacters(in: .whitespaces), text.contains("snapshot"))
            }
        }
        throw HTTP.Unexpected("a stream ended: \(text)")
    }

    @Test("is made while the platform runs, and put back while it does not; its log and its streams begin a new epoch")
    func backupAndRestore() async throws {
        let data = NSTemporaryDirectory() + "petpro-backup-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: data) }
        let copies = data + "/copies"
        let first = try await RunningPlatform.start(data: data + "/data")
        defer { first.program.send(SIGKILL) }
        let token = try await first.http.signIn("maya@petpro.example")
        func name(_ http: HTTP) async throws -> String? {
            try await http.get("/api/pets", token: token).body["items"]?.arrayValue?.first?["name"]?.stringValue
        }
        let before = try await name(first.http)
        let seen = try await cursor(first, after: nil)
        let made = try await command("backup", copies, "--data", data + "/data")
        #expect(made.hasPrefix("0 ") && made.contains("copied") && made.contains("product.sqlite"))
        #expect(try await command("backup", copies, "--data", data + "/data").contains("exists: choose another folder"))
        let modes = try FileManager.default.attributesOfItem(atPath: copies + "/auth.sqlite")[.posixPermissions] as? Int
        #expect(modes == 0o600)
        #expect(!FileManager.default.fileExists(atPath: copies + "/auth.keys.sqlite"))
        // What comes after the backup.
        _ = try await first.http.make("/api/pets", ["name": "Later", "species": "dog"], token: token)
        #expect(try await first.http.get("/api/pets", token: token).body["items"]?.arrayValue?.count == 3)
        let running = try await command("restore", copies, "--data", data + "/data")
        #expect(running.hasPrefix("1 ") && running.contains("is running"))
        first.program.send(SIGTERM)
        #expect(await first.program.exitCode() == 0)

        let restored = try await command("restore", copies, "--data", data + "/data")
        #expect(restored.hasPrefix("0 ") && restored.contains("what was there is in \(data)/data/replaced-"))
        let second = try await RunningPlatform.start(data: data + "/data")
        defer { second.program.send(SIGKILL) }
        #expect(try await second.http.get("/api/pets", token: token).body["items"]?.arrayValue?.count == 2)
        #expect(try await name(second.http) == before)
        let again = try await cursor(second, after: seen.cursor)
        #expect(again.isSnapshot && again.cursor.split(separator: ":")[0] != seen.cursor.split(separator: ":")[0])
        second.program.send(SIGTERM)
        #expect(await second.program.exitCode() == 0)

        // A damaged copy takes the place of nothing.
        try Data("no database at all, but long enough to look like one".utf8).write(
            to: URL(filePath: copies + "/booking.sqlite"))
        let damaged = try await command("restore", copies, "--data", data + "/data")
        #expect(damaged.hasPrefix("1 ") && damaged.contains("booking.sqlite"))
        let third = try await RunningPlatform.start(data: data + "/data")
        #expect(try await third.http.get("/api/pets", token: token).body["items"]?.arrayValue?.count == 2)
        third.program.send(SIGTERM)
        #expect(await third.program.exitCode() == 0)
    }
}
