import Foundation
import Rookery
import RookeryCore
import RookeryWire
import Testing

private let day = Instant(milliseconds: 1_800_000_000_000)

/// The day after.
private let tomorrow = Instant(milliseconds: 1_800_086_400_000)

@Suite("A service key")
struct ServiceKeyTests {
    @Test("is a text that can be read again, and shows its secret nowhere else")
    func text() throws {
        for _ in 0..<50 {
            let key = try ServiceKey(environment: "live")
            let parts = key.text.split(separator: "_")
            #expect(parts.count == 5 && parts[0] == "ptk" && parts[1] == "live" && parts[3].count == 43)
            let again = try ServiceKey(key.text)
            #expect(again.publicKey == key.publicKey && again.id == key.id && again.text == key.text)
            var dumped = ""
            dump(key, to: &dumped)
            #expect(!"\(key)\(String(reflecting: key))\(dumped)".contains(parts[3]))
        }
    }

    @Test("of RFC 8032 has that standard's public key and signature")
    func vector() throws {
        // RFC 8032, 7.1, test 2. The secret in base 62 was computed apart from this program.
        let secret = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
        let text = "ptk_test_rfc8032_" + (try base62(secret))
        let key = try ServiceKey(text + "_" + Checksum.crc32(text))
        #expect(
            Hexadecimal.text(key.publicKey) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        #expect(
            Hexadecimal.text(try key.sign([0x72]))
                == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    }

    /// Long division by 62, digit by digit, on the hexadecimal text.
    private func base62(_ hexadecimal: String) throws -> String {
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        var digits = hexadecimal.compactMap(\.hexDigitValue)
        var text = ""
        while digits.contains(where: { $0 > 0 }) {
            var rest = 0
            digits = digits.map { digit in
                let value = rest * 16 + digit
                rest = value % 62
                return value / 62
            }
            text = String(alphabet[rest]) + text
        }
        return String(repeating: "0", count: 43 - text.count) + text
    }

    @Test("with a mistake is refused, and the error does not repeat it")
    func mistakes() throws {
        let text = try ServiceKey(environment: "live").text
        var parts = text.split(separator: "_").map(String.init)
        parts[3] = String(parts[3].dropLast()) + (parts[3].hasSuffix("a") ? "b" : "a")
        let tooLarge = "ptk_live_x_" + String(repeating: "z", count: 43)
        let wrong = [
            "", "ptk", parts.joined(separator: "_"), String(text.dropLast()), text + "_",
            text.replacing("live", with: "LIVE"),
            tooLarge + "_" + Checksum.crc32(tooLarge), text.replacing("ptk", with: "key"),
        ]
        for text in wrong {
            let error = #expect(throws: ServiceKey.Malformed.self) { try ServiceKey(text) }
            #expect(error.map { !"\($0)".contains(parts[3]) } == true)
        }
    }

    @Test("proves itself to the server that was dialled, for one connection, and to no other")
    func proof() throws {
        let key = try ServiceKey(environment: "live")
        let record = KeyRecord(key, of: "booking", scopes: [.everything], createdAt: day, notAfter: nil)
        let (client, server) = (String(repeating: "1f", count: 32), String(repeating: "2e", count: 32))
        let proof = try key.proof(dialled: "vendor", client: client, server: server)
        #expect(record.accepts(proof, by: "vendor", client: client, server: server))
        #expect(HelloProof(proof.jsonValue) == proof)
        #expect(!record.accepts(proof, by: "auth", client: client, server: server))
        #expect(!record.accepts(proof, by: "vendor", client: server, server: server))
        #expect(!record.accepts(proof, by: "vendor", client: client, server: client))
        let passedOn = HelloProof(key: proof.key, dialled: "auth", signature: proof.signature)
        #expect(!record.accepts(passedOn, by: "auth", client: client, server: server))
        let other = KeyRecord(
            try ServiceKey(environment: "live"), of: "booking", scopes: [.everything], createdAt: day, notAfter: nil)
        #expect(!other.accepts(proof, by: "vendor", client: client, server: server))
        let empty = HelloProof(key: key.id, dialled: "vendor", signature: "")
        #expect(!record.accepts(empty, by: "vendor", client: client, server: server))
    }

    @Test("shown as text is taken if it is that key, whole")
    func shown() throws {
        let key = try ServiceKey(environment: "live")
        let record = KeyRecord(key, of: "booking", scopes: [], createdAt: day, notAfter: nil)
        #expect(record.accepts(text: key.text))
        // The same id with another secret.
        let other = try ServiceKey(environment: "live").text.split(separator: "_")[3]
        let forged = "ptk_live_\(key.id)_\(other)"
        #expect(!record.accepts(text: forged + "_" + Checksum.crc32(forged)))
        #expect(!record.accepts(text: String(key.text.dropLast())) && !record.accepts(text: ""))
    }

    @Test("is active until it expires or is revoked")
    func states() throws {
        let key = try ServiceKey(environment: "live")
        var record = KeyRecord(key, of: "booking", scopes: [], createdAt: day, notAfter: tomorrow)
        #expect(record.state(at: day) == .active && record.state(at: tomorrow) == .expired)
        record.notAfter = nil
        #expect(record.state(at: tomorrow) == .active)
        record.revokedAt = tomorrow
        #expect(record.state(at: day) == .active && record.state(at: tomorrow) == .revoked)
    }
}

@Suite("The scope of a service key")
struct KeyScopeTests {
    @Test("allows one command, all commands of a service, or everything")
    func allows() throws {
        let one = try #require(KeyScope("booking/get-booking"))
        #expect(one.allows("booking", "get-booking") && !one.allows("booking", "get-bookin"))
        #expect(!one.allows("vendor", "get-booking"))
        let service = try #require(KeyScope("booking/*"))
        #expect(service.allows("booking", "$rookery.describe") && !service.allows("bookings", "get-booking"))
        let all = try #require(KeyScope("*"))
        #expect(all.allows("any", "thing") && all == .everything)
        // A command named by its whole pattern may have any characters.
        #expect(KeyScope(#"old/{"a":"b/c"}"#)?.allows("old", #"{"a":"b/c"}"#) == true)
    }

    @Test("names a command by its cmd only if no other pattern could have that name")
    func names() {
        func name(_ pattern: Pattern) -> String { Command("x", pattern: pattern).scopeName }
        #expect(name(Pattern(cmd: "get")) == "get" && name("user.created") == "user.created")
        #expect(name(Pattern(object: ["cmd": "get", "role": "admin"])) == #"{"cmd":"get","role":"admin"}"#)
        #expect(name(Pattern(object: ["cmd": 1])) == #"{"cmd":1}"#)
    }

    @Test("is written as it is read, and anything else is no scope")
    func text() {
        for text in ["*", "booking/*", "booking/get-booking", "auth/user.created"] {
            #expect(KeyScope(text)?.description == text)
        }
        for text in ["", "booking", "/x", "booking/", "*/x", "*/*"] { #expect(KeyScope(text) == nil) }
    }
}

@Suite("A keyring")
struct KeyringTests {
    @Test("keeps what checks a key, and nothing that makes one")
    func roundTrip() throws {
        var keyring = Keyring()
        let key = try ServiceKey(environment: "live")
        let changes = [
            keyring.add(KeyRecord(key, of: "a", scopes: [.everything], createdAt: day, notAfter: tomorrow)),
            keyring.add(KeyRecord(key, of: "b", scopes: [], createdAt: day, notAfter: nil)),
            keyring.update(key.id) { $0.revokedAt = tomorrow }, keyring.update("none") { _ in },
        ]
        #expect(changes == [true, false, true, false])
        let text = keyring.jsonValue.jsonText
        #expect(try Keyring(JSONValue(parsing: text)) == keyring)
        #expect(!text.contains(key.text.split(separator: "_")[3]))
        #expect(keyring[key.id]?.service == "a" && keyring["none"] == nil)
    }

    @Test(
        "that is malformed names what is wrong",
        arguments: [
            ("[]", "the member keys"), (#"{"keys":[{}]}"#, "keys[0].id"),
            (#"{"keys":[{"id":"a","service":"b","publicKey":"00"}]}"#, "keys[0].publicKey"),
            (#"{"keys":[{"id":"a_b"}]}"#, "keys[0].id"),
            (#"{"keys":[{"id":"a","service":"b\nc"}]}"#, "keys[0].service"),
        ])
    func malformed(text: String, part: String) throws {
        let value = try JSONValue(parsing: text)
        let error = #expect(throws: Keyring.Malformed.self) { try Keyring(value) }
        #expect(error?.description.contains(part) == true)
    }

    @Test("does not take a scope that it cannot read for none")
    func unreadable() throws {
        let key = try ServiceKey(environment: "live")
        let record = KeyRecord(key, of: "a", scopes: [.everything], createdAt: day, notAfter: tomorrow)
        for (from, to) in [(#""scopes":["*"]"#, #""scopes":["everything"]"#), (tomorrow.description, "tomorrow")] {
            let text = Keyring(records: [record]).jsonValue.jsonText.replacing(from, with: to)
            #expect(throws: Keyring.Malformed.self) { try Keyring(JSONValue(parsing: text)) }
        }
    }
}

extension Keyring {
    fileprivate init(records: [KeyRecord]) {
        self.init()
        for record in records { _ = add(record) }
    }
}

@Suite("The exchange in docs/wire.md")
struct DocumentedExchangeTests {
    @Test("is what the peers write, and the proof in it is good")
    func exchange() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/wire.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```exchange\n").dropFirst().first)
        let packets = try block.components(separatedBy: "\n```")[0].split(separator: "\n").map { line in
            let parts = line.split(separator: "#", maxSplits: 1)
            #expect(Int(parts[0]) == parts[1].utf16.count)
            return try JSONValue(parsing: String(parts[1]))
        }
        try #require(packets.count == 4)

        let hello = try #require(packets[0]["data"].flatMap { Hello($0) })
        #expect(packets[0]["pattern"] == .string(Hello.pattern) && packets[0]["data"] == hello.jsonValue)
        let challenge = try #require(packets[1]["response"].flatMap { HelloChallenge($0) })
        #expect(packets[1]["response"] == challenge.jsonValue)
        let proof = try #require(packets[2]["data"].flatMap { HelloProof($0) })
        #expect(packets[2]["pattern"] == .string(HelloProof.pattern) && packets[2]["data"] == proof.jsonValue)
        let reply = try #require(packets[3]["response"].flatMap { HelloReply($0) })
        #expect(packets[3]["response"] == reply.jsonValue)

        let record = try #require(
            KeyRecord.read([
                "id": .string(proof.key), "service": "gateway", "createdAt": "2026-01-01T00:00:00Z",
                "publicKey": "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "scopes": ["*"],
            ]).record)
        let nonce = try #require(hello.nonce)
        #expect(record.accepts(proof, by: reply.name, client: nonce, server: challenge.nonce))
        #expect(!record.accepts(proof, by: "vendor", client: nonce, server: challenge.nonce))
    }
}
