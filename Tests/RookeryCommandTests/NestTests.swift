import Foundation
import Rookery
import RookeryCore
import RookeryTesting
import Testing

/// The code and the files of docs/nest.md, in a folder.
private struct NestFolder {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let path = NSTemporaryDirectory() + "nest-\(UUID())"
    let authority: DevelopmentAuthority
    private let keyring: Keyring

    init() throws {
        authority = try DevelopmentAuthority()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let page = try String(
            contentsOf: Self.repository.appendingPathComponent("docs/nest.md"), encoding: .utf8)
        let blocks = page.components(separatedBy: "```js\n").dropFirst()
        for (name, block) in zip(["service-key.js", "fields.js"], blocks) {
            try block.components(separatedBy: "\n```")[0]
                .write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        }
        try FieldKeys.random().fileContent.write(to: URL(filePath: path + "/fields.json"))
        var keyring = Keyring()
        for (name, scope, end) in [
            ("good", "*", nil), ("narrow", "shop/other", nil), ("expired", "*", Instant(milliseconds: 1)),
        ] {
            let key = try ServiceKey(environment: "test")
            let scopes = [try #require(KeyScope(scope))]
            let record = KeyRecord(
                key, of: name, scopes: scopes, createdAt: Instant(milliseconds: 0), notAfter: end)
            _ = keyring.add(record)
            try key.text.write(toFile: "\(path)/\(name).key", atomically: true, encoding: .utf8)
        }
        self.keyring = keyring
        try ServiceKey(environment: "test").text.write(toFile: path + "/foreign.key", atomically: true, encoding: .utf8)
        try keyring.jsonValue.jsonText.write(toFile: path + "/keyring.json", atomically: true, encoding: .utf8)
        for name in ["shop", "web"] {
            let issued = try authority.issue([name])
            try issued.certificate.write(toFile: "\(path)/\(name).pem", atomically: true, encoding: .utf8)
            try issued.key.write(toFile: "\(path)/\(name).pem.key", atomically: true, encoding: .utf8)
        }
        try authority.issued.certificate.write(toFile: path + "/authority.pem", atomically: true, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Starts the peer of docs/nest.md.
    func node(_ mode: String, _ options: [String: JSONValue], _ arguments: String...) async throws -> RunningProgram {
        var object: JSONObject = ["code": .string(file("service-key.js"))]
        for (key, value) in options { object[key] = value }
        let script = Self.repository.appendingPathComponent("Benchmarks/peers/nest-peer.js").path
        return try await RunningProgram(
            URL(filePath: "/usr/bin/env"), ["node", script, mode, JSONValue.object(object).jsonText] + arguments)
    }
}

@Message private struct Sum {
    var left: Int
    var right: Int
}

@Message private struct Person {
    @PII(.name) var name: String
}

@Contract private protocol ShopAPI: Sendable {
    @MessagePattern(cmd: "sum") func sum(_ sum: Sum) async throws -> String
    @MessagePattern(cmd: "greet") func greet(_ person: Person) async throws -> Person
}

private struct Shop: ShopAPI {
    func sum(_ sum: Sum) async throws -> String {
        "\(sum.left + sum.right) for \(MessageContext.current?.caller?.service ?? "nobody")"
    }

    func greet(_ person: Person) async throws -> Person { Person(name: "Dear \(person.name)") }
}

@Suite("A NestJS service with the code of docs/nest.md", .timeLimit(.minutes(1)))
struct NestTests {
    @Test(
        "calls a Rookery service with its key, plain and over TLS, and learns why it may not", arguments: [false, true])
    func caller(isEncrypted: Bool) async throws {
        let folder = try NestFolder()
        defer { folder.remove() }
        var configuration = ServerConfiguration(port: 0)
        configuration.name = "shop"
        try configuration.set("keys", to: folder.file("keyring.json"))
        if isEncrypted {
            try configuration.set("tls.certificate", to: folder.file("shop.pem"))
            try configuration.set("tls.key", to: folder.file("shop.pem.key"))
            try configuration.set("tls.clients", to: folder.file("authority.pem"))
        }
        let server = try RookeryServer(configuration, services: ShopAPIContract.service(Shop()))
        try await withRookeryServer(server) { server in
            let port = try await server.listeningAddress.port
            func call(_ key: String?) async throws -> JSONValue {
                var options: [String: JSONValue] = ["port": .int(Int64(port))]
                if let key { options["key"] = .string(folder.file(key + ".key")) }
                if isEncrypted {
                    options["ca"] = .string(folder.file("authority.pem"))
                    options["cert"] = .string(folder.file("web.pem"))
                    options["certKey"] = .string(folder.file("web.pem.key"))
                    options["servername"] = "shop"
                }
                let node = try await folder.node("caller", options, #"{"cmd":"sum"}"#, #"{"left":2,"right":3}"#)
                let line = try #require(await node.line("{"))
                return try JSONValue(parsing: line)
            }
            #expect(try await call("good") == ["response": "5 for good"])
            for (key, code) in [
                (nil, "SERVICE_UNAUTHENTICATED"), ("foreign", "SERVICE_UNAUTHENTICATED"),
                ("expired", "SERVICE_UNAUTHENTICATED"), ("narrow", "SERVICE_FORBIDDEN"),
            ] {
                #expect(try await call(key)["err"]?["code"]?.stringValue == code, "\(key ?? "none")")
            }
        }
    }

    @Test("is called by a Rookery service with its key, plain and over TLS", arguments: [false, true])
    func callee(isEncrypted: Bool) async throws {
        let folder = try NestFolder()
        defer { folder.remove() }
        var options: [String: JSONValue] = ["keyring": .string(folder.file("keyring.json")), "name": "shop"]
        if isEncrypted {
            options["cert"] = .string(folder.file("shop.pem"))
            options["certKey"] = .string(folder.file("shop.pem.key"))
        }
        let node = try await folder.node("callee", options)
        defer { node.send(SIGKILL) }
        let line = try #require(await node.line("listening "))
        let port = try #require(Int(line.dropFirst("listening ".count)))
        func call(_ key: String?) async throws -> JSONValue? {
            var configuration = try ClientConfiguration("shop", at: "127.0.0.1:\(port)")
            if let key {
                try configuration.set("key", to: folder.file(key + ".key"))
                try configuration.set("sendsKey", to: "true")
            }
            if isEncrypted {
                try configuration.set("tls.roots", to: folder.file("authority.pem"))
                try configuration.set("tls.name", to: "shop")
            }
            return try await withRookeryClient(configuration) { client in
                do {
                    return try await client.send(Pattern(cmd: "double"), 21)
                } catch let error as CallError where error.code == .noHandler {
                    return "refused"
                }
            }
        }
        // The handler does not see the key.
        #expect(try await call("good") == ["twice": 42, "metadata": [:]])
        for key in [nil, "foreign", "expired", "narrow"] {
            #expect(try await call(key) == "refused", "\(key ?? "none")")
        }
    }

    private func fields(_ folder: NestFolder) -> JSONValue {
        ["code": .string(folder.file("fields.js")), "keys": .string(folder.file("fields.json")), "names": ["name"]]
    }

    @Test("sends and takes encrypted fields")
    func encryptedFields() async throws {
        let folder = try NestFolder()
        defer { folder.remove() }
        var configuration = ServerConfiguration(port: 0)
        configuration.name = "shop"
        try configuration.set("fields.keys", to: folder.file("fields.json"))
        let server = try RookeryServer(configuration, services: ShopAPIContract.service(Shop()))
        try await withRookeryServer(server) { server in
            let port = try await server.listeningAddress.port
            let options: [String: JSONValue] = ["port": .int(Int64(port)), "fields": fields(folder)]
            let node = try await folder.node("caller", options, #"{"cmd":"greet"}"#, #"{"name":"Žofie"}"#)
            let answer = try JSONValue(parsing: try #require(await node.line("{")))
            #expect(answer["response"] == ["name": "Dear Žofie"])
            #expect(answer["raw"]?["name"]?.stringValue?.hasPrefix("enc:v1:") == true)
        }
        let callee: [String: JSONValue] = [
            "keyring": .string(folder.file("keyring.json")), "name": "shop", "fields": fields(folder),
        ]
        let node = try await folder.node("callee", callee)
        defer { node.send(SIGKILL) }
        let line = try #require(await node.line("listening "))
        var client = try ClientConfiguration("shop", at: "127.0.0.1:\(line.dropFirst("listening ".count))")
        for (key, value) in [("key", "good.key"), ("fields.keys", "fields.json")] {
            try client.set(key, to: folder.file(value))
        }
        try client.set("sendsKey", to: "true")
        let greeted = try await withRookeryClient(client) { try await ShopAPIClient($0).greet(Person(name: "Žofie")) }
        #expect(greeted.name == "Dear Žofie")
    }
}
