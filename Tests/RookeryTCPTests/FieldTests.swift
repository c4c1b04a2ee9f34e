import Foundation
import NIOCore
import Rookery
import RookeryCore
import RookeryTesting
import Synchronization
import Testing

@Message private struct Owner: Hashable {
    var id: Int
    @PII(.name) var name: String
    @Text(0...20) @PII(.notes) var note: String?
    @Sensitive var numbers: [Int] = []
    var pets: [Animal] = []
}

@Message private struct Animal: Hashable {
    @PII(.name) var name: String
}

@Contract private protocol OwnersAPI: Sendable {
    @MessagePattern(cmd: "same") func same(_ owner: Owner) async throws -> Owner
    @EventPattern("seen") func seen(_ owner: Owner) async throws
    @MessagePattern(cmd: "all") func all(_ owners: MessageStream<Owner>) async throws
    @StreamPattern(cmd: "thrice") func thrice(_ owner: Owner) async throws -> MessageStream<Owner>
}

private final class Owners: OwnersAPI {
    let received = Mutex<[Owner]>([])

    func same(_ owner: Owner) async throws -> Owner {
        received.withLock { $0.append(owner) }
        return owner
    }

    func seen(_ owner: Owner) async throws { received.withLock { $0.append(owner) } }

    func all(_ owners: MessageStream<Owner>) async throws {
        for try await owner in owners { received.withLock { $0.append(owner) } }
    }

    func thrice(_ owner: Owner) async throws -> MessageStream<Owner> {
        MessageStream([owner, owner, owner])
    }
}

private func violations(_ json: String, _ cipher: FieldCipher?) -> [String] {
    do {
        _ = try decoded(json, cipher)
        return []
    } catch let error as InvalidPayload {
        return error.violations.map { "\($0.path):\($0.constraint)" }
    } catch {
        return ["\(error)"]
    }
}

private func decoded(_ json: String, _ cipher: FieldCipher?) throws -> Owner {
    var rules = DecodingRules.all
    rules.fields = cipher
    return try Owner.decode(Array(json.utf8), format: .json, rules: rules)
}

@Message
struct Doubled: Hashable {
    var value: Int
}

/// A contract whose service refuses members that its messages do not have.
@Contract(forbidsUnknown: true)
protocol StrictAPI: Sendable {
    @MessagePattern(cmd: "double", .safe)
    func double(_ number: Doubled) async throws -> Doubled
}

private struct StrictService: StrictAPI {
    func double(_ number: Doubled) async throws -> Doubled { Doubled(value: number.value * 2) }
}

@Suite("An encrypted field")
struct FieldTests {
    private static let owner = Owner(
        id: 7, name: "canary name", note: "canary note", numbers: [4242], pets: [Animal(name: "canary pet")])

    private static func cipher(_ keys: SecretKeys = FieldKeys.random()) -> FieldCipher { FieldCipher(keys: { keys }) }

    private func members(_ json: String) throws -> JSONObject {
        guard case .object(let object) = try JSONValue(parsing: json) else { throw CancellationError() }
        return object
    }

    @Test("shows nothing of its value, is another text each time, and is read as what it was")
    func roundTrip() throws {
        let cipher = Self.cipher()
        let sealed = FieldSealed(Self.owner, cipher)
        let json = sealed.json
        #expect(!json.contains("canary") && !json.contains("4242") && json.contains("\"id\":7"))
        #expect(sealed.json != json)
        #expect(try decoded(json, cipher) == Self.owner)
        var rules = DecodingRules.all
        rules.fields = cipher
        let unpacked = try Owner.decode(sealed.bytes(as: .messagePack), format: .messagePack, rules: rules)
        #expect(unpacked == Self.owner)
        // Plain members are taken as well.
        #expect(try decoded(Self.owner.json, cipher) == Self.owner)
    }

    @Test("that Node made, which docs/wire.md shows, can be opened")
    func vector() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/wire.md"), encoding: .utf8)
        let section = try #require(page.components(separatedBy: "## Encrypted fields").last)
        let blocks = section.components(separatedBy: "```json\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0]
        }
        let (file, json) = (try #require(blocks.first), try #require(blocks.dropFirst().first))
        let keys = try FieldKeys.parse(Data(file.utf8))
        #expect(try decoded(json, Self.cipher(keys)) == Owner(id: 7, name: "Žofie", note: "barks"))
        let changed = file.replacing("AAEC", with: "AAED")
        #expect(throws: SecretKeys.Malformed.self) { try FieldKeys.parse(Data(changed.utf8)) }
    }

    @Test("that was moved, mixed with another message's, damaged or needs another key is refused, and nothing says why")
    func refused() throws {
        let cipher = Self.cipher()
        let json = FieldSealed(Self.owner, cipher).json
        let other = try members(FieldSealed(Self.owner, cipher).json)
        #expect(
            violations(json, Self.cipher()) == [
                "name:encrypted", "note:encrypted", "numbers:encrypted", "pets[0].name:encrypted",
            ])
        #expect(
            violations(json, nil) == [
                "name:encrypted", "note:encrypted", "numbers:encrypted", "pets[0].name:encrypted",
            ])

        var mixed = try members(json)
        mixed["note"] = other["note"]
        #expect(violations(JSONValue.object(mixed).jsonText, cipher) == ["note:encrypted"])

        var moved = try members(json)
        (moved["name"], moved["note"]) = (moved["note"], moved["name"])
        #expect(violations(JSONValue.object(moved).jsonText, cipher).contains("name:encrypted"))

        var exchanged = try members(
            FieldSealed(Owner(id: 7, name: "a", pets: [Animal(name: "b"), Animal(name: "c")]), cipher).json)
        let pets = try #require(exchanged["pets"]?.arrayValue)
        exchanged["pets"] = .array(pets.reversed())
        #expect(violations(JSONValue.object(exchanged).jsonText, cipher) == ["pets[1].name:encrypted"])

        let name = try #require(try members(json)["name"]?.stringValue)
        for length in [7, 8, 15, 16, 17, name.count - 4] {
            var cut = try members(json)
            cut["name"] = .string(String(name.prefix(length)))
            #expect(violations(JSONValue.object(cut).jsonText, cipher).first == "name:encrypted", "\(length)")
        }
    }

    @Test("is checked like any other, once it is open")
    func constraints() throws {
        let cipher = Self.cipher()
        let long = FieldSealed(Owner(id: 7, name: "x", note: String(repeating: "x", count: 21)), cipher).json
        #expect(violations(long, cipher) == ["note:length"])
    }

    private func file() throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "fields-\(UUID()).json").path
        try FieldKeys.random().fileContent.write(to: URL(filePath: path))
        return path
    }

    /// Runs a server and a client with keys, and returns what passed between them.
    private func heard(
        _ client: (inout ClientConfiguration) throws -> Void,
        server: (inout ServerConfiguration) throws -> Void = { _ in },
        _ body: (OwnersAPIClient) async throws -> Void
    ) async throws -> (text: String, received: [Owner]) {
        let keys = try file()
        defer { try? FileManager.default.removeItem(atPath: keys) }
        let owners = Owners()
        var configuration = ServerConfiguration(port: 0)
        try configuration.set("fields.keys", to: keys)
        try server(&configuration)
        let running = try RookeryServer(configuration, services: OwnersAPIContract.service(owners), logger: quiet)
        let bytes = try await running.running { address in
            let proxy = try await FaultProxy.start(to: ("127.0.0.1", try need(address.port)))
            proxy.record()
            var configuration = try ClientConfiguration("owners", at: "127.0.0.1:\(proxy.port)")
            try configuration.set("fields.keys", to: keys)
            try client(&configuration)
            try await withRookeryClient(configuration) { try await body(OwnersAPIClient($0)) }
            let recorded = proxy.recorded
            try await proxy.close()
            return recorded
        }
        return (String(decoding: bytes.readableBytesView, as: UTF8.self), owners.received.withLock { $0 })
    }

    @Test(
        "is what passes in both directions of requests, events and streams of either side, on every kind of connection",
        arguments: ["plain", "json", "messagepack"])
    func onTheWire(_ kind: String) async throws {
        let (text, received) = try await heard { configuration in
            if kind == "plain" { try configuration.set("negotiates", to: "false") }
            if kind == "messagepack" { configuration.serializers = SerializerChoice(preferred: "messagepack") }
        } _: { owners in
            #expect(try await owners.same(Self.owner) == Self.owner)
            var values: [Owner] = []
            for try await value in try await owners.thrice(Self.owner) { values.append(value) }
            #expect(values == [Self.owner, Self.owner, Self.owner])
            // The plain wire has no client streams.
            if kind != "plain" { try await owners.all(MessageStream([Self.owner, Self.owner])) }
            try await owners.seen(Self.owner)
            #expect(try await owners.same(Self.owner) == Self.owner)
        }
        #expect(received.count >= (kind == "plain" ? 2 : 4) && received.allSatisfy { $0 == Self.owner })
        #expect(!text.contains("canary") && text.components(separatedBy: "enc:v1:").count > 20)
    }

    @Test("is not made when the mode says so, and is opened all the same")
    func never() async throws {
        let (text, _) = try await heard {
            try $0.set("fields.mode", to: "never")
        } _: { owners in
            let same = try await owners.same(Self.owner)
            #expect(same == Self.owner)
        }
        // The request was plain, and the answer is not.
        #expect(text.contains("canary name") && text.contains("enc:v1:"))
    }

    @Test("that a message does not declare is skipped, or refused if the server says so", arguments: [false, true])
    func unknown(isForbidden: Bool) async throws {
        try await withServer(OwnersAPIContract.service(Owners()).routes) {
            $0.forbidsUnknown = isForbidden
        } _: { port, _ in
            let more: JSONValue = ["id": 1, "name": "x", "isAdmin": true]
            do {
                let answer = try await client(port).send(Pattern(cmd: "same"), more)
                #expect(!isForbidden && answer?["isAdmin"] == nil)
            } catch let error as RemoteError {
                #expect(isForbidden && error.code == .invalidPayload && "\(error.payload)".contains("isAdmin"))
            }
        }
    }

    @Test("that a message does not declare is refused if the contract says so")
    func unknownOfContract() async throws {
        try await withServer(StrictAPIContract.service(StrictService()).routes) { port, _ in
            let client = client(port)
            let answer = try await client.send(Pattern(cmd: "double"), ["value": 2])
            #expect(answer == ["value": 4])
            let error = await #expect(throws: RemoteError.self) {
                _ = try await client.send(Pattern(cmd: "double"), ["value": 2, "isAdmin": true])
            }
            #expect(error?.code == .invalidPayload)
        }
    }
}
