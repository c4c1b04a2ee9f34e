import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("As an operator sees the platform", .serialized, .timeLimit(.minutes(3)))
struct OperationTests {
    /// The files in a folder and its folders, and the folders themselves.
    private func contents(_ folder: String) throws -> (files: [String], folders: [String]) {
        var (files, folders): ([String], [String]) = ([], [])
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
            if isFolder.boolValue { folders.append(name) } else { files.append(name) }
        }
        return (files, folders)
    }

    private func permissions(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try need((attributes[.posixPermissions] as? NSNumber)?.intValue) & 0o777
    }

    @Test("its files are its owner's alone, and laxer ones are mended when it starts")
    func files() async throws {
        try await withFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let first = try await RunningPlatform.start(data: folder)
            _ = try await first.http.makeVendor(capacity: 1)
            let (names, folders) = try contents(folder)
            let expected = [
                "auth.sqlite", "auth.sqlite-wal", "auth.sqlite-shm", "auth-keys.json", "keys/keyring.json",
                "keys/gateway.key",
            ]
            #expect(Set(names).isSuperset(of: expected) && Set(folders) == ["audit", "console", "keys"])
            #expect(try permissions(folder) == 0o700 && permissions(folder + "/keys") == 0o700)
            for name in names { #expect(try permissions("\(folder)/\(name)") == 0o600, "\(name)") }
            first.program.send(SIGTERM)
            #expect(await first.program.exitCode() == 0)

            for name in try contents(folder).files {
                try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(folder)/\(name)")
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/keys")
            let second = try await RunningPlatform.start(data: folder)
            #expect(try permissions(folder + "/keys") == 0o700)
            for name in try contents(folder).files {
                #expect(try permissions("\(folder)/\(name)") == 0o600, "\(name)")
            }
            second.program.send(SIGTERM)
            #expect(await second.program.exitCode() == 0)
        }
    }

    @Test("it stops within its drain time, whatever half a request and open streams would like")
    func stops() async throws {
        let platform = try await RunningPlatform.start(
            data: NSTemporaryDirectory() + "petpro-" + UUID().uuidString,
            environment: ["PETPRO_GATEWAY_DRAIN_TIMEOUT": "1s", "ROOKERY_SERVER_DRAIN_TIMEOUT": "1s"])
        defer { try? FileManager.default.removeItem(atPath: platform.data) }
        let port = try need(URL(string: platform.http.url)?.port)
        try await RawSocket.connected(to: port) { half in
            try await half.write(
                "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
            let stream = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: platform.http.url + "/api/products/9001/inventory/stream"),
                timeout: .seconds(60))
            #expect(stream.status == .ok)
            let start = ContinuousClock.now
            platform.program.send(SIGTERM)
            #expect(await platform.program.exitCode() == 0)
            // Two drains of a second, one after the other; 60 s are what a client could hold it for before.
            #expect(ContinuousClock.now - start < .seconds(15))
        }
    }

    @Test("it goes on answering when more sockets than it may have files open do nothing")
    func idleSockets() async throws {
        try await withFolder { folder in
            let base = try await FreePorts.first(of: 8)
            let program = try await RunningProgram(
                URL(filePath: "/bin/sh"),
                [
                    "-c", "ulimit -n 320; exec \"$0\" \"$@\"", RunningProgram.url("petpro").path, "up", "--demo",
                    "--data",
                    folder, "--password-cost", "10", "--http", "127.0.0.1:0", "--base-port", "\(base)",
                ])
            let line = try need(await program.line("ready "))
            let http = HTTP(url: String(line.dropFirst("ready ".count)))
            let port = try need(URL(string: http.url)?.port)
            try await SilentSocket.connected(400, to: port) { sockets in
                for socket in sockets.prefix(200) { socket.write("GET / HTTP/1.1\r\n") }
                for _ in 0..<20 {
                    // From an address of its own, and each on a new connection.
                    let answer = try await RawSocket.connected(to: port, from: "127.0.0.9") { socket in
                        try await socket.write("GET /api/vendors HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                        return String(decoding: await socket.readToEnd(), as: UTF8.self)
                    }
                    #expect(answer.hasPrefix("HTTP/1.1 200"))
                }
            }
            program.send(SIGTERM)
            #expect(await program.exitCode() == 0)
        }
    }

    @Test("its log says nothing that is secret, at whatever level")
    func secrets() async throws {
        try await withFolder { folder in
            let log = folder + "/log"
            let base = try await FreePorts.first(of: 8)
            let program = try await RunningProgram(
                RunningProgram.url("petpro"),
                [
                    "up", "--data", folder + "/data", "--password-cost", "10", "--http", "127.0.0.1:0", "--base-port",
                    "\(base)", "--log-level", "trace",
                ], errorsTo: log)
            let line = try need(await program.line("ready "))
            let http = HTTP(url: String(line.dropFirst("ready ".count)))
            let password = "canary password one"
            let user: JSONValue = [
                "email": "canary@petpro.example", "password": .string(password), "name": "Canary Name",
            ]
            _ = try await http.make("/api/auth/register", user)
            // Wrong in every way that a log could quote.
            _ = try await http.post("/api/auth/register", ["email": "canary@petpro", "password": .string(password)])
            _ = try await http.post(
                "/api/auth/login", ["email": "canary@petpro.example", "password": "canary password two"])
            let login = try await http.make(
                "/api/auth/login", ["email": "canary@petpro.example", "password": .string(password)])
            let access = try need(login["accessToken"]?.stringValue)
            let refresh = try need(login["refreshToken"]?.stringValue)
            let next = try await http.make("/api/auth/refresh", ["refreshToken": .string(refresh)])
            // Used again, which is logged.
            for _ in 0..<3 { _ = try await http.post("/api/auth/refresh", ["refreshToken": .string(refresh)]) }
            _ = try await http.get("/api/me", token: access)
            _ = try await http.get("/api/me", token: access + "x")
            _ = try await http.make(
                "/api/vendors", HTTP.registration("canary-two@petpro.example", name: "Canary Business"))
            program.send(SIGTERM)
            #expect(await program.exitCode() == 0)

            let text = program.printed + (try String(contentsOfFile: log, encoding: .utf8))
            #expect(text.contains("refresh"), "the log is the one of these requests")
            let keys = try String(contentsOfFile: folder + "/data/auth-keys.json", encoding: .utf8)
            let seeds = try JSONValue(parsing: keys)["keys"]?.arrayValue?.compactMap { $0["seed"]?.stringValue } ?? []
            #expect(!seeds.isEmpty)
            let secrets = [
                password, "canary password two", HTTP.password, access, refresh,
                try need(next["refreshToken"]?.stringValue), "canary@petpro.example", "canary-two@petpro.example",
                "Canary Name",
            ]
            for secret in secrets + seeds { #expect(!text.contains(secret), "the log holds \(secret)") }
        }
    }
}
