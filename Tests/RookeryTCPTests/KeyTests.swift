import Foundation
import Rookery
import RookeryCore
import RookeryTesting
import RookeryWire
import Synchronization
import Testing

/// The files of a test's keys.
private struct KeyFolder {
    let path = NSTemporaryDirectory() + "keys-\(UUID())"
    var keyring: String { path + "/keyring.json" }

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try write(Keyring())
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func write(_ keyring: Keyring) throws {
        try Data(keyring.jsonValue.jsonText.utf8).write(to: URL(filePath: self.keyring), options: .atomic)
    }

    func change(_ change: (inout Keyring) -> Void) throws {
        var keyring = try Keyring(JSONValue(parsing: Data(contentsOf: URL(filePath: keyring))))
        change(&keyring)
        try write(keyring)
    }

    /// Adds a key to the keyring, and writes it to the file of its service.
    @discardableResult
    func add(_ service: String, _ scopes: String..., notAfter: Instant? = nil) throws -> ServiceKey {
        let key = try ServiceKey(environment: "test")
        let record = KeyRecord(
            key, of: service, scopes: scopes.compactMap { KeyScope($0) }, createdAt: Instant(milliseconds: 0),
            notAfter: notAfter)
        try change { _ = $0.add(record) }
        try write(key, of: service)
        return key
    }

    func write(_ key: ServiceKey, of service: String) throws {
        try Data(key.text.utf8).write(to: URL(filePath: file(service)), options: .atomic)
    }

    /// The key in the file of a service.
    func key(_ service: String) throws -> ServiceKey {
        try ServiceKey(String(contentsOfFile: file(service), encoding: .utf8))
    }

    func file(_ service: String) -> String { "\(path)/\(service).key" }
}

/// A server that tells who calls, and how often its handlers ran.
private func withKeyedServer(
    _ folder: KeyFolder, _ body: (Int, Handled) async throws -> Void
) async throws {
    let ran = Handled()
    let routes: [Route] = [
        .request(Command("who", pattern: Pattern(cmd: "who"), idempotency: .safe)) { (_: JSONValue) -> JSONValue in
            ran.count.add(1, ordering: .relaxed)
            let context = MessageContext.current
            #expect(context?.metadata["apiKey"] == nil)
            return [
                "service": (context?.caller?.service).map { .string($0) } ?? .null,
                "key": (context?.caller?.keyID).map { .string($0) } ?? .null,
            ]
        },
        .request(Command("secret", pattern: Pattern(cmd: "secret"))) { (_: JSONValue) -> JSONValue in
            ran.count.add(1, ordering: .relaxed)
            return 1
        },
    ]
    try await withServer(routes) {
        $0.name = "shop"
        $0.keys = folder.keyring
    } _: { port, _ in
        try await body(port, ran)
    }
}

private final class Handled: Sendable {
    let count = Atomic<Int>(0)
}

/// A client with the key of a service, or with none.
private func caller(
    _ port: Int, _ folder: KeyFolder, _ service: String?, dialling name: String = "shop",
    _ change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> RookeryClient {
    var configuration = try ClientConfiguration(name, at: "127.0.0.1:\(port)")
    configuration.key = service.map { folder.file($0) }
    change(&configuration)
    return RookeryClient(try Destination(tcp: configuration, eventLoops: oneLoop, logger: quiet))
}

private let who = Pattern(cmd: "who")

private func code(_ work: () async throws -> Void) async -> String {
    do {
        try await work()
        return "none"
    } catch let error as RemoteError {
        return error.code?.rawValue ?? "?"
    } catch {
        return "\(error)"
    }
}

@Suite("A server with a keyring")
struct KeyTests {
    @Test("tells its handlers who calls, and lets a key do what its scopes say")
    func scopes() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        let key = try folder.add("booking", "shop/who", "shop/$rookery.health")
        try await withKeyedServer(folder) { port, ran in
            let client = try caller(port, folder, "booking")
            let reply = try await client.send(who, .null)
            #expect(reply == ["service": "booking", "key": .string(key.id)])
            #expect(await code { _ = try await client.send(Pattern(cmd: "secret"), 1) } == "SERVICE_FORBIDDEN")
            #expect(await code { _ = try await client.send("$rookery.describe", 1) } == "SERVICE_FORBIDDEN")
            #expect(await code { _ = try await client.send("$rookery.health", 1) } == "none")
            #expect(ran.count.load(ordering: .relaxed) == 1)
            await client.close()
        }
    }

    @Test("refuses everything without a key, unknown patterns, health and description included")
    func withoutKey() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        try await withKeyedServer(folder) { port, ran in
            for negotiates in [true, false] {
                let client = try caller(port, folder, nil) { $0.negotiates = negotiates }
                for pattern: Pattern in [who, "nobody", "$rookery.health", "$rookery.describe", "$rookery.prove"] {
                    #expect(await code { _ = try await client.send(pattern, 1) } == "SERVICE_UNAUTHENTICATED")
                }
                try await client.emit(who, 1)
                #expect(await code { _ = try await client.send(who, 1) } == "SERVICE_UNAUTHENTICATED")
                await client.close()
            }
            #expect(ran.count.load(ordering: .relaxed) == 0)
        }
    }

    @Test("refuses a key that is foreign, expired, revoked, or was shown to a service of another name")
    func wrongKeys() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        try folder.add("expired", "*", notAfter: Instant(milliseconds: 1))
        let revoked = try folder.add("revoked", "*")
        try folder.change { _ = $0.update(revoked.id) { $0.revokedAt = Instant(milliseconds: 1) } }
        try folder.add("good", "*")
        try folder.write(ServiceKey(environment: "test"), of: "foreign")
        try await withKeyedServer(folder) { port, ran in
            for service in ["expired", "revoked", "foreign"] {
                let client = try caller(port, folder, service)
                #expect(await code { _ = try await client.send(who, 1) } == "SERVICE_UNAUTHENTICATED")
                await client.close()
            }
            let client = try caller(port, folder, "good", dialling: "other")
            #expect(await code { _ = try await client.send(who, 1) } == "SERVICE_UNAUTHENTICATED")
            await client.close()
            #expect(ran.count.load(ordering: .relaxed) == 0)
        }
    }

    @Test("takes the text of a key from a plain peer, in the metadata, and from then on for its connection")
    func plainPeer() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        let key = try folder.add("nest", "shop/who")
        try await withKeyedServer(folder) { port, ran in
            let client = try caller(port, folder, "nest") {
                $0.negotiates = false
                $0.sendsKey = true
            }
            #expect(try await client.send(who, 1)?["service"] == "nest")
            #expect(await code { _ = try await client.send(Pattern(cmd: "secret"), 1) } == "SERVICE_FORBIDDEN")
            await client.close()
            try await RawSocket.connected(to: port) { socket in
                func frame(_ id: Int, _ metadata: String) -> String {
                    let text = #"{"pattern":{"cmd":"who"},"data":1\#(metadata),"id":"\#(id)"}"#
                    return "\(text.utf8.count)#\(text)"
                }
                try await socket.write(frame(1, ""))
                try await socket.write(frame(2, #","metadata":{"apiKey":"\#(key.text)"}"#))
                try await socket.write(frame(3, ""))
                try await socket.write(frame(4, #","metadata":{"apiKey":"\#(key.text)x"}"#))
                socket.finish()
                let text = String(decoding: await socket.readToEnd(), as: UTF8.self)
                for (id, isGood) in [(1, false), (2, true), (3, true), (4, false)] {
                    let answer = text.split(separator: "#").first { $0.contains(#""id":"\#(id)""#) }
                    #expect(answer?.contains("SERVICE_UNAUTHENTICATED") == !isGood)
                }
                #expect(!text.contains(key.text))
            }
            #expect(ran.count.load(ordering: .relaxed) == 3)
        }
    }

    @Test("closes the connection of a peer that goes on guessing")
    func guesses() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        let key = try folder.add("nest", "*")
        try await withKeyedServer(folder) { port, _ in
            let other = try ServiceKey(environment: "test").text.split(separator: "_")[3]
            let forged = "ptk_test_\(key.id)_\(other)"
            let text =
                "{\"pattern\":{\"cmd\":\"who\"},\"data\":1,\"metadata\":{\"apiKey\":\"\(forged)_\(Checksum.crc32(forged))\"},\"id\":\"1\"}"
            let answers = try await RawSocket.connected(to: port) { socket in
                try await socket.write(String(repeating: "\(text.utf8.count)#\(text)", count: 50))
                return await socket.readToEnd()
            }
            #expect(
                String(decoding: answers, as: UTF8.self).components(separatedBy: "SERVICE_UNAUTHENTICATED").count == 11)
        }
    }

    @Test("refuses a recorded exchange that is sent again")
    func replay() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        let key = try folder.add("booking", "*")
        try await withKeyedServer(folder) { port, ran in
            let nonce = String(repeating: "ab", count: 32)
            let hello = Hello(serializers: ["json"], compressions: [], nonce: nonce).jsonValue.jsonText
            @Sendable func frame(_ pattern: String, _ data: String, _ id: Int) -> String {
                let text = #"{"pattern":"\#(pattern)","data":\#(data),"id":"\#(id)"}"#
                return "\(text.utf8.count)#\(text)"
            }
            let call = #"{"pattern":{"cmd":"who"},"data":1,"id":"3"}"#
            let recorded = try await RawSocket.connected(to: port) { socket -> String in
                try await socket.write(frame("$rookery.hello", hello, 1))
                let answer = String(decoding: try await socket.read(100), as: UTF8.self)
                let challenge = try #require(answer.firstMatch(of: /"challenge":"([0-9a-f]{64})"/)).output.1
                let proof = try key.proof(dialled: "shop", client: nonce, server: String(challenge)).jsonValue.jsonText
                try await socket.write(frame("$rookery.prove", proof, 2) + "\(call.utf8.count)#\(call)")
                socket.finish()
                let rest = String(decoding: await socket.readToEnd(), as: UTF8.self)
                #expect(rest.contains(#""service":"booking""#) && rest.contains(#""patterns":"#))
                #expect(!rest.contains(key.text))
                return frame("$rookery.hello", hello, 1) + frame("$rookery.prove", proof, 2)
            }
            let replayed = try await RawSocket.connected(to: port) { socket in
                try await socket.write(recorded + "\(call.utf8.count)#\(call)")
                socket.finish()
                return String(decoding: await socket.readToEnd(), as: UTF8.self)
            }
            #expect(replayed.contains("SERVICE_UNAUTHENTICATED") && !replayed.contains("patterns"))
            #expect(ran.count.load(ordering: .relaxed) == 1)
        }
    }

    @Test("notices within two seconds that the key of an open connection was revoked")
    func revocation() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        let key = try folder.add("booking", "*")
        try await withKeyedServer(folder) { port, _ in
            let client = try caller(port, folder, "booking")
            let plain = try caller(port, folder, "booking") {
                $0.negotiates = false
                $0.sendsKey = true
            }
            for client in [client, plain] { #expect(try await client.send(who, 1)?["service"] == "booking") }
            try folder.change { _ = $0.update(key.id) { $0.revokedAt = Instant(milliseconds: 1) } }
            let start = ContinuousClock.now
            for client in [client, plain] {
                try await eventually {
                    await code { _ = try await client.send(who, 1) } == "SERVICE_UNAUTHENTICATED"
                }
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            await client.close()
            await plain.close()
        }
    }

    @Test("ends the streams of a key that was revoked, or that no longer allows them")
    func streams() async throws {
        for isRevoked in [true, false] {
            let folder = try KeyFolder()
            defer { folder.remove() }
            let key = try folder.add("booking", "*")
            let endless = Route.stream(Command("endless", pattern: "endless", kind: .stream)) { (_: JSONValue) in
                let (values, source) = AsyncStream.makeStream(of: Int.self)
                source.yield(1)
                return MessageStream(values)
            }
            try await withServer([endless]) {
                $0.name = "shop"
                $0.keys = folder.keyring
            } _: { port, server in
                let client = try caller(port, folder, "booking")
                var values = try await client.stream("endless", 1).makeAsyncIterator()
                #expect(try await values.next() == 1)
                if isRevoked {
                    try folder.change { _ = $0.update(key.id) { $0.revokedAt = Instant(milliseconds: 1) } }
                } else {
                    let other = KeyRecord(
                        key, of: "booking", scopes: [], createdAt: Instant(milliseconds: 0), notAfter: nil)
                    try folder.change { keyring in
                        keyring = Keyring()
                        _ = keyring.add(other)
                    }
                }
                // The handler ends because it is cancelled, and so does its stream.
                #expect(try await values.next() == nil)
                try await eventually { server.messagesInFlight == 0 }
                await client.close()
            }
        }
    }

    @Test("lets a key with narrower scopes do no more, on open connections too")
    func narrowed() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        let key = try folder.add("booking", "*")
        try await withKeyedServer(folder) { port, _ in
            let client = try caller(port, folder, "booking")
            #expect(await code { _ = try await client.send(Pattern(cmd: "secret"), 1) } == "none")
            let scopes = [KeyScope("shop", "who")]
            let other = KeyRecord(
                key, of: "booking", scopes: scopes, createdAt: Instant(milliseconds: 0), notAfter: nil)
            try folder.change { keyring in
                keyring = Keyring()
                _ = keyring.add(other)
            }
            try await eventually {
                // Whoever shows an unknown key has the keyring read too, which must not hide the change.
                let foreign = try caller(port, folder, nil)
                defer { Task { await foreign.close() } }
                _ = await code { _ = try await foreign.send(who, 1) }
                return await code { _ = try await client.send(Pattern(cmd: "secret"), 1) } == "SERVICE_FORBIDDEN"
            }
            #expect(await code { _ = try await client.send(who, 1) } == "none")
            await client.close()
        }
    }

    @Test("closes the connection of a peer that goes on without a key, and keeps little for it")
    func flood() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        try await withKeyedServer(folder) { port, _ in
            let text = #"{"pattern":"x","data":1,"id":"1"}"#
            let answers = try await RawSocket.connected(to: port) { socket in
                try await socket.write(String(repeating: "\(text.utf8.count)#\(text)", count: 1000))
                return await socket.readToEnd()
            }
            let refused = String(decoding: answers, as: UTF8.self).components(separatedBy: "SERVICE_UNAUTHENTICATED")
            #expect(refused.count == 101)
        }
    }

    @Test("that does not answer the hello gets no call without the key")
    func silentServer() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        try folder.add("booking", "*")
        let seen = Mutex("")
        try await ScriptedPeer.running { bytes in
            seen.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
            return .silence
        } _: { peer in
            let client = try caller(peer.port, folder, "booking") {
                $0.connectTimeout = .milliseconds(100)
                $0.timeout = .milliseconds(200)
                $0.retry.maximumAttempts = 1
            }
            let error = await #expect(throws: CallError.self) { try await client.send(who, 1) }
            #expect([.cannotConnect, .timeout].contains(error?.code) && error?.wasWritten == false)
            await client.close()
        }
        #expect(seen.withLock { $0.contains(Hello.pattern) && !$0.contains("\"who\"") })
    }

    @Test("takes a service's new key from its file while calls go on, and none of them fails")
    func rotation() async throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        try folder.add("booking", "*")
        try await withKeyedServer(folder) { port, _ in
            let client = try caller(port, folder, "booking")
            let keys = Mutex<Set<String>>([])
            let calls = Task {
                while !Task.isCancelled {
                    let reply = try await client.send(who, 1)
                    keys.withLock { _ = $0.insert(reply?["key"]?.stringValue ?? "") }
                }
            }
            for _ in 0..<3 {
                let old = try folder.key("booking")
                try folder.write(old, of: "old")
                let new = try folder.add("booking", "*")
                try await eventually { keys.withLock { $0.contains(new.id) } }
                try folder.change { _ = $0.update(old.id) { $0.revokedAt = Instant(milliseconds: 1) } }
                try await eventually {
                    let late = try caller(port, folder, "old")
                    defer { Task { await late.close() } }
                    return await code { _ = try await late.send(who, 1) } == "SERVICE_UNAUTHENTICATED"
                }
            }
            calls.cancel()
            do { try await calls.value } catch is CancellationError {}
            await client.close()
        }
    }

    @Test("is not made without a keyring that can be read; a client is not made without its key")
    func files() throws {
        let folder = try KeyFolder()
        defer { folder.remove() }
        var server = ServerConfiguration()
        server.keys = folder.path + "/none.json"
        #expect(throws: InvalidSetting.self) { try RookeryServer(server) }
        try Data(#"{"keys":[{"id":1}]}"#.utf8).write(to: URL(filePath: folder.keyring))
        try server.set("keys", to: folder.keyring)
        let error = #expect(throws: InvalidSetting.self) { try RookeryServer(server) }
        #expect(error?.description.contains("keys[0].id") == true)
        try Data("ptk_live_x_secret_0".utf8).write(to: URL(filePath: folder.file("x")))
        let client = #expect(throws: InvalidSetting.self) { try caller(1, folder, "x") }
        #expect(client.map { !"\($0)".contains("secret_0") && "\($0)".contains("checksum") } == true)
    }
}
