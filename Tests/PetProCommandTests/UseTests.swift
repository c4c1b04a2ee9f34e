import Foundation
import NIOHTTP1
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing
import VendorService

/// Runs `petpro` to its end, and gives what it printed, what it complained of, and its exit code.
func petpro(
    _ arguments: [String], environment: [String: String] = [:]
) async throws -> (output: String, errors: String, code: Int32) {
    let file = NSTemporaryDirectory() + "errors-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: file) }
    let program = try await RunningProgram(
        RunningProgram.url("petpro"), arguments, environment: environment, errorsTo: file)
    let code = await program.exitCode()
    // The pipe's end comes after the last line.
    _ = await program.line("\u{0}")
    return (program.printed, try String(contentsOfFile: file, encoding: .utf8), code)
}

/// A folder that is gone after `body`.
func withFolder<Result: Sendable>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

@Suite("The petpro command", .serialized, .timeLimit(.minutes(3)))
struct UseTests {
    @Test("ends with 1 and says what is wrong with a value, with 2 when it was used wrongly, and never says ready")
    func wrongUse() async throws {
        try await withFolder { folder in
            let file = folder + "/settings.json"
            func wrong(
                _ arguments: String..., environment: [String: String] = [:], code: Int32 = 1, says: String...,
                line: Int = #line
            ) async throws {
                let result = try await petpro(arguments, environment: environment)
                #expect(result.code == code, "line \(line): \(result.errors)")
                for text in says { #expect(result.errors.contains(text), "line \(line): \(result.errors)") }
                #expect(!result.output.contains("ready"), "line \(line)")
            }
            func settings(_ text: String) throws -> String {
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                return file
            }
            try await wrong(
                "serve", "booking", environment: ["PETPRO_VENDOR": "nowhere"], says: "PETPRO_VENDOR", "nowhere")
            try await wrong("demo", "--url", "http://127.0.0.1:1", says: "http://127.0.0.1:1")
            // Which of several is it to be?
            try await wrong("serve", "booking", "--booking", "127.0.0.1:1,127.0.0.1:2", says: "--listen")
            try await wrong("up", environment: ["ROOKERY_CLIENT_BREAKER_PROBES": "0"], says: "probes")
            try await wrong(
                "up", environment: ["ROOKERY_SERVICES_AUTH_LIMITS_IN_FLIGHT": "none"], says: "limits.inFlight")
            try await wrong("up", environment: ["PETPRO_GATEWAY_LIMITS_BODY": "0"], says: "limits.body")
            // Misspelt, with the one that was meant.
            try await wrong(
                "up", environment: ["ROOKERY_CLIENT_TIMEOUTS": "3s"], says: "ROOKERY_CLIENT_TIMEOUTS",
                "did you mean ROOKERY_CLIENT_TIMEOUT?", "--print-config")
            try await wrong(
                "up", "--config", try settings(#"{"rookery":{"client":{"timout":"3s"}}}"#),
                says: "rookery.client.timout", "did you mean rookery.client.timeout?", file)
            try await wrong("up", "--config", "/nowhere.json", says: "--config /nowhere.json")
            try await wrong("up", "--config", try settings("{"), says: "--config \(file)", "not JSON")
            try await wrong("up", "--config", try settings("[]"), says: "--config \(file)", "object")
            try await wrong("up", "--data", file + "/data", says: file + "/data", "--data")
            try await wrong("up", "--instances", "booking=0", code: 2, says: "--instances")
            try await wrong("up", "--instances", "billing=2", code: 2, says: "--instances")
            try await wrong("up", "--base-port", "70000", code: 2, says: "--base-port")
            try await wrong("up", "--json", code: 2, says: "--print-config")
            try await wrong("serve", "billing", code: 2, says: "billing")
        }
    }

    @Test("names the address that is taken, whether a service's or the gateway's, and is not ready")
    func takenPorts() async throws {
        try await withFolder { folder in
            try await ScriptedPeer.running({ _ in .silence }) { peer in
                let base = try await FreePorts.first(of: 8)
                let taken = "127.0.0.1:\(peer.port)"
                // Behind the peer's port, the system may have given the next ones to other programs.
                let row = (0..<4).map { "127.0.0.1:\(peer.port + $0)" }
                let cases = [
                    (["up", "--data", folder, "--http", taken, "--base-port", "\(base)"], [taken]),
                    (["up", "--data", folder, "--http", "127.0.0.1:0", "--base-port", "\(peer.port)"], row),
                    (["serve", "vendor", "--data", folder, "--listen", taken], [taken]),
                ]
                for (arguments, names) in cases {
                    let result = try await petpro(arguments)
                    #expect(result.code == 1 && names.contains { result.errors.contains($0) }, "\(result.errors)")
                    #expect(!result.output.contains("ready"), "\(arguments)")
                }
            }
        }
    }

    @Test("names the file of a database that is damaged, and what is wrong with it")
    func damaged() async throws {
        for service in ["auth", "booking", "vendor", "product"] {
            try await withFolder { folder in
                let path = "\(folder)/\(service).sqlite"
                try String(repeating: "not a database", count: 1000).write(
                    toFile: path, atomically: true, encoding: .utf8)
                let base = try await FreePorts.first(of: 8)
                let result = try await petpro(
                    ["up", "--data", folder, "--http", "127.0.0.1:0", "--base-port", "\(base)"])
                #expect(result.code == 1 && result.errors.contains(path), "\(result.errors)")
                #expect(result.errors.contains("not a database"), "\(result.errors)")
            }
        }
    }

    @Test("prints every setting with its value and where that came from")
    func printedSettings() async throws {
        try await withFolder { folder in
            let file = folder + "/settings.json"
            try #"{"rookery":{"client":{"timeout":"3s"}},"petpro":{"gateway":{"limits":{"body":100000}}}}"#.write(
                toFile: file, atomically: true, encoding: .utf8)
            let environment = ["ROOKERY_SERVICES_AUTH_LIMITS_IN_FLIGHT": "7", "ROOKERY_CLIENT_TIMEOUT": "4s"]
            let arguments = ["up", "--print-config", "--config", file, "--data", folder]
            let printed = try await petpro(arguments + ["--json"], environment: environment)
            #expect(printed.code == 0)
            func line(_ key: String) throws -> JSONValue {
                try need(try JSONValue(parsing: printed.output).arrayValue?.first { $0["key"]?.stringValue == key })
            }
            // The environment goes before the file.
            let timeout = try line("rookery.destinations.auth.timeout")
            #expect(timeout["value"] == "4s")
            #expect(timeout["origin"] == "environment ROOKERY_CLIENT_TIMEOUT, rookery.client.timeout")
            let body = try line("petpro.gateway.limits.body")
            #expect(body["value"] == "100000" && body["origin"] == "file")
            let inFlight = try line("rookery.services.auth.limits.inFlight")
            #expect(inFlight["value"] == "7")
            #expect(inFlight["origin"] == "environment ROOKERY_SERVICES_AUTH_LIMITS_IN_FLIGHT")
            #expect(try line("rookery.services.vendor.limits.inFlight")["origin"] == "default")
            #expect(try line("--data")["origin"] == "option" && line("--http")["origin"] == "default")
            let text = try await petpro(arguments, environment: environment)
            #expect(text.output.contains("\npetpro.gateway.limits.body = 100000  (file)\n"))
            // Nothing was started.
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["settings.json"])
        }
    }

    @Test("does not serve a demo's data as its own, nor to other machines without being told so")
    func demoData() async throws {
        try await withFolder { folder in
            let platform = try await RunningPlatform.start(data: folder)
            platform.program.send(SIGTERM)
            #expect(await platform.program.exitCode() == 0)
            let base = try await FreePorts.first(of: 8)
            let ports = ["--base-port", "\(base)", "--data", folder]
            let own = try await petpro(["up", "--http", "127.0.0.1:0"] + ports)
            #expect(own.code == 1 && own.errors.contains(folder) && own.errors.contains("--demo"), "\(own.errors)")
            #expect(!own.output.contains("ready"))
            let open = try await petpro(["up", "--demo", "--http", "0.0.0.0:0"] + ports)
            #expect(open.code == 1 && open.errors.contains("--public-demo"), "\(open.errors)")
        }
    }

    @Test("makes an administrator's account, which can sign in, and no second one with that address")
    func administrators() async throws {
        try await withFolder { folder in
            let arguments = [
                "users", "create-admin", "--email", "root@petpro.example", "--name", "Root", "--data", folder,
                "--password-cost", "10",
            ]
            let environment = ["PETPRO_ADMIN_PASSWORD": "correct horse"]
            let short = try await petpro(arguments, environment: ["PETPRO_ADMIN_PASSWORD": "short"])
            #expect(short.code == 1 && short.errors.contains("password"), "\(short.errors)")
            #expect(try await petpro(arguments, environment: environment).code == 0)
            let again = try await petpro(arguments, environment: environment)
            #expect(again.code == 1 && again.errors.contains("root@petpro.example"), "\(again.errors)")
            let base = try await FreePorts.first(of: 8)
            let program = try await RunningProgram(
                RunningProgram.url("petpro"),
                [
                    "up", "--data", folder, "--http", "127.0.0.1:0", "--base-port", "\(base)", "--password-cost", "10",
                ])
            let line = try need(await program.line("ready "))
            let http = HTTP(url: String(line.dropFirst("ready ".count)))
            let admin = try await http.signIn("root@petpro.example", "correct horse")
            #expect(try await http.get("/api/me", token: admin).body["role"] == "admin")
            // No demo account is there.
            let maya: JSONValue = ["email": "maya@petpro.example", "password": "petpro-demo"]
            #expect(try await http.post("/api/auth/login", maya).status == 401)
            program.send(SIGTERM)
            #expect(await program.exitCode() == 0)
        }
    }
    @Test("disables an account while the platform runs, which ends its sessions at once, and enables it again")
    func disabled() async throws {
        try await RunningPlatform.running { platform in
            let http = platform.http
            let credentials: JSONValue = ["email": "maya@petpro.example", "password": "petpro-demo"]
            let pair = try await http.make("/api/auth/login", credentials)
            let token = try need(pair["accessToken"]?.stringValue)
            let refresh: JSONValue = ["refreshToken": try need(pair["refreshToken"])]
            func users(_ command: String, _ email: String = "Maya@petpro.example") async throws -> String {
                let run = try await petpro([
                    "users", command, "--email", email, "--data", platform.data, "--demo", "--password-cost", "10",
                ])
                return "\(run.code) \(run.output)\(run.errors)"
            }
            #expect(try await http.get("/api/me", token: token).status == 200)
            #expect(try await users("disable").hasPrefix("0 disabled the account"))
            #expect(try await http.get("/api/me", token: token).status == 401)
            #expect(try await http.post("/api/auth/refresh", refresh).status == 401)
            #expect(try await http.post("/api/auth/login", credentials).code == "ACCOUNT_DISABLED")
            #expect(try await users("disable").contains("disabled already"))
            #expect(try await users("enable").hasPrefix("0 enabled the account"))
            #expect(try await http.signIn("maya@petpro.example").isEmpty == false)
            // The sessions from before stay ended.
            #expect(try await http.post("/api/auth/refresh", refresh).status == 401)
            let unknown = try await users("disable", "nobody@petpro.example")
            #expect(unknown.hasPrefix("1 ") && unknown.contains("no account with this email address"))
        }
    }

    @Test("puts an account under a legal hold, which forbids to erase it until it is released")
    func held() async throws {
        try await RunningPlatform.running { platform in
            let token = try await platform.http.signIn("maya@petpro.example")
            func users(_ command: String) async throws -> String {
                try await petpro([
                    "users", command, "--email", "maya@petpro.example", "--data", platform.data, "--demo",
                    "--password-cost", "10",
                ]).output
            }
            #expect(try await users("hold") == "the account maya@petpro.example is under a legal hold\n")
            #expect(try await users("hold").contains("already"))
            let refused = try await platform.http.send(.DELETE, "/api/me", token: token)
            #expect(refused.status == 409 && refused.code == "ACCOUNT_HELD")
            #expect(try await platform.http.get("/api/me", token: token).status == 200)
            #expect(try await users("release") == "the account maya@petpro.example is under no legal hold\n")
            #expect(try await platform.http.send(.DELETE, "/api/me", token: token).status == 204)
            let log = try await petpro(["audit", "list", "--data", platform.data]).output
            #expect(log.contains("account-held") && log.contains("account-released"))
        }
    }

    @Test("lists what subscribers lack and dead letters, and replays or drops those")
    func events() async throws {
        try await RunningPlatform.running { platform in
            let database = try Database(path: "\(platform.data)/vendor.sqlite", migrations: VendorController.migrations)
            try await database.write { transaction in
                for position in [900, 901] {
                    try transaction.execute(
                        """
                        INSERT INTO dead_letters (subscriber, position, aggregate, version, event_id, type, data, occurred_at,
                            attempts, error, died_at, is_replayed)
                        VALUES ('product', ?, 'vendor-3', 1, ?, 'vendor.status-changed', ?, 1, 10, 'INTERNAL', 1, 0)
                        """, position, "e\(position)", #"{"vendorId":3,"from":"active","to":"suspended"}"#)
                }
            }
            try database.close()
            func events(_ arguments: String...) async throws -> String {
                let run = try await petpro(["events"] + arguments + ["--data", platform.data, "--demo"])
                return "\(run.code) \(run.output)\(run.errors)"
            }
            let list = try await events("list")
            #expect(list.contains("vendor → product  lacks 0 events") && list.contains("auth → booking"))
            #expect(list.contains("dead letter 900 for product: vendor.status-changed about vendor-3, 10 attempts"))
            let names = ["--publisher", "vendor", "--subscriber", "product"]
            func letter(_ command: String, _ position: String) async throws -> String {
                let run = try await petpro(
                    ["events", command, position] + names + ["--data", platform.data, "--demo"])
                return "\(run.code) \(run.output)\(run.errors)"
            }
            #expect(try await letter("discard", "901") == "0 dropped 901 for product\n")
            #expect(try await letter("discard", "901").contains("there is no dead letter 901"))
            #expect(try await letter("replay", "900").hasPrefix("0 "))
            // Product takes it, and it is a dead letter no more.
            try await eventually { try await !events("list").contains("dead letter") }
            #expect(try await platform.http.get("/api/products?vendorId=3").body["items"]?.arrayValue?.isEmpty == true)
        }
    }

    @Test("tells which service keys were used on this host, and on what day")
    func keyUses() async throws {
        try await RunningPlatform.running { platform in
            _ = try await platform.http.get("/api/vendors")
            let today = Instant.current().description.prefix(10)
            try await eventually {
                let list = try await petpro(["keys", "list", "--data", platform.data]).output
                func line(_ service: String) -> Substring {
                    list.split(separator: "\n").first { $0.hasPrefix("\(service)  ") } ?? ""
                }
                return line("gateway").hasSuffix(", last used \(today)")
                    && line("operator").hasSuffix(", never used here")
            }
        }
    }
}
