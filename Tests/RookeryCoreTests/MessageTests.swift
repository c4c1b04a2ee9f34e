import Rookery
import Testing

@Message
enum Mood: String, CaseIterable {
    case calm, nervous
}

@Message
struct Owner: Hashable {
    @Length(1...10) var name: String
    @Email var email: String?
}

@Message
struct Everything: Hashable {
    var int: Int
    var small: Int8
    var unsigned: UInt64
    var double: Double
    var bool: Bool
    var text: String
    var instant: Instant
    var date: LocalDate
    var mood: Mood
    var owner: Owner
    var owners: [Owner]
    var scores: [String: Int]
    var maybe: String?
    @ExplicitNull var null: Int?
    @WireName("snake_case") var renamed: Int
    var withDefault: Int = 7
    var `default`: Bool = true
}

@Message
struct Constrained {
    @InRange(1...10) var rating: Int
    @InRange(0.5...) var weight: Double?
    @Length(2...3) var codes: [String]
    @Items(1...2) var owners: [Owner]
    @Matches(/[a-z]+-[0-9]+/) var reference: String
}

@Message
enum Change: Hashable {
    case opened(id: Int, note: String?)
    @WireName("all-closed") case allClosed
}

@Message(forbidsUnknown: true)
enum Notice: Hashable {
    @Line(1...10, of: "to") @PII(.name, of: "to") @WireName("name", of: "to")
    @InRange(1..., of: "id")
    case renamed(id: Int, to: String)
    @Matches(/[a-z]+/, of: "code") @Sensitive(of: "code") @ExplicitNull(of: "reason")
    case locked(code: String, reason: String?)
    @Matches(/[0-9]+/, of: "code") @WireName("un-locked")
    case unlocked(code: String)
}

@Message(forbidsUnknown: true)
struct Strict: Hashable {
    var id: Int
    var owner: Owner?
}

@Message
struct Secretive {
    var id: Int
    @Sensitive var token: String
    @PII(.email) var email: String?
}

private func violations<Value: MessageValue>(_: Value.Type, _ text: String, rules: DecodingRules = .all) -> [String] {
    do {
        _ = try Array(text.utf8).withUnsafeBytes { try Value._decode($0, format: .json, rules: rules) }
        return []
    } catch let error as InvalidPayload {
        return error.violations.map { "\($0.path):\($0.constraint)" }
    } catch {
        return ["\(error)"]
    }
}

@Suite("A message")
struct MessageTests {
    static let everything = Everything(
        int: -1, small: 127, unsigned: .max, double: 1.5, bool: true, text: "ž🐶\"", instant: Instant(milliseconds: 1),
        date: LocalDate(daysSinceEpoch: 0), mood: .calm,
        owner: Owner(name: "Maya"), owners: [Owner(name: "A", email: "a@b.cz")], scores: ["b": 2, "a": 1], renamed: 3)

    @Test("is written in the order of its declaration, absent optionals left out")
    func encoding() {
        #expect(
            Self.everything.json
                == #"{"int":-1,"small":127,"unsigned":18446744073709551615,"double":1.5,"bool":true,"text":"ž🐶\"","#
                + #""instant":"1970-01-01T00:00:00.001Z","date":"1970-01-01","#
                + #""mood":"calm","owner":{"name":"Maya"},"#
                + #""owners":[{"name":"A","email":"a@b.cz"}],"scores":{"a":1,"b":2},"null":null,"snake_case":3,"#
                + #""withDefault":7,"default":true}"#)
    }

    @Test("reads back what it wrote")
    func roundTrip() throws {
        #expect(try Everything.decode(json: Self.everything.json) == Self.everything)
        // A message without members takes any object, and is one.
        #expect(Nothing().json == "{}")
        #expect(try Nothing.decode(json: #"{"a":{"b":1}}"#) == Nothing())
        #expect(throws: InvalidPayload.self) { try Nothing.decode(json: "1") }
    }

    @Test("is the same in MessagePack, without further code, and as wrong when it is wrong")
    func messagePack() throws {
        let bytes = Self.everything.bytes(as: .messagePack)
        #expect(try Everything.decode(bytes, format: .messagePack) == Self.everything)
        // Member for member what its JSON says, the counts of its maps included.
        let value = try JSONValue(bytes, format: .messagePack)
        #expect(try Everything.decode(json: value.jsonText) == Self.everything)
        #expect(bytes.count < Self.everything.json.utf8.count)
        for change in [Change.opened(id: 1, note: nil), .opened(id: 1, note: "x"), .allClosed] {
            #expect(try Change.decode(change.bytes(as: .messagePack), format: .messagePack) == change)
        }
        let wrong = try JSONValue(parsing: #"[{"type":"opened"},{"type":"shut"},7]"#).bytes(as: .messagePack)
        let error = #expect(throws: InvalidPayload.self) { try [Change].decode(wrong, format: .messagePack) }
        #expect(error?.violations.map(\.path) == ["[0].id", "[1].type", "[2]"])
    }

    @Test("takes members in any order, unknown ones too, and fills in defaults")
    func leniency() throws {
        let owner = try Owner.decode(json: #" {"x":[1,{"y":2}],"email":null,"name":"Eva"} "#)
        #expect(owner == Owner(name: "Eva"))
        #expect(
            violations(Owner.self, #"{"name":"Eva","x":1}"#, rules: DecodingRules(forbidsUnknown: true)) == [
                "x:unknown"
            ])
    }

    @Test("has attributes for the associated values of its cases")
    func payloads() throws {
        #expect(
            violations(Notice.self, #"{"type":"renamed","id":0,"name":""}"#) == ["name:length", "id:range"]
                || violations(Notice.self, #"{"type":"renamed","id":0,"name":""}"#) == ["id:range", "name:length"])
        #expect(violations(Notice.self, #"{"type":"locked","code":"1"}"#) == ["code:matches"])
        #expect(violations(Notice.self, #"{"type":"un-locked","code":"a"}"#) == ["code:matches"])
        for (notice, text) in [
            (Notice.renamed(id: 1, to: "Eva"), #"{"type":"renamed","id":1,"name":"Eva"}"#),
            (.locked(code: "a", reason: nil), #"{"type":"locked","code":"a","reason":null}"#),
            (.unlocked(code: "1"), #"{"type":"un-locked","code":"1"}"#),
        ] {
            #expect(notice.json == text)
            #expect(try Notice.decode(json: text) == notice)
        }
        #expect("\(Notice.renamed(id: 1, to: "Eva"))" == "Notice.renamed(id: 1, to: [redacted])")
        #expect(!"\(Notice.locked(code: "pass", reason: "x"))".contains("pass"))
        #expect(!Notice._allowsCompression)
        let schema = Notice._schema.jsonSchema["$defs"]?["Notice"]?["oneOf"]?.arrayValue?.first
        #expect(schema?["properties"]?["name"]?["x-personal-data"] == "name")
        #expect(schema?["properties"]?["name"]?["maxLength"] == 10)
        #expect(schema?["additionalProperties"] == false)
    }

    @Test("may forbid members that it does not have, to services, while clients take them")
    func forbidden() throws {
        #expect(violations(Strict.self, #"{"id":1,"x":1}"#) == ["x:unknown"])
        #expect(violations(Strict.self, #"{"id":1,"owner":{"name":"A","x":1}}"#) == [])
        #expect(violations([Strict].self, #"[{"id":1,"x":1}]"#) == ["[0].x:unknown"])
        #expect(violations(Notice.self, #"{"type":"un-locked","code":"1","x":{}}"#) == ["x:unknown"])
        #expect(violations(Strict.self, #"{"id":1,"x":1}"#, rules: .types) == [])
    }

    @Test("is not held to its constraints where only types are asked for: by a client that reads a reply")
    func typesOnly() throws {
        let text = #"{"name":"","email":"x"}"#
        #expect(violations(Owner.self, text) == ["name:length", "email:email"])
        #expect(violations(Owner.self, text, rules: .types).isEmpty)
        #expect(violations(Owner.self, #"{"name":3}"#, rules: .types) == ["name:type"])
        #expect(violations(Owner.self, "{}", rules: .types) == ["name:required"])
    }

    @Test("that is wrong in many places says so about each, with its path")
    func allViolations() {
        let text = #"""
            {"rating":11,"weight":0.1,"codes":["a","bb","cccc"],"reference":"nope",
             "owners":[{"name":""},{"email":"x"},{"name":3}]}
            """#
        #expect(
            violations(Constrained.self, text) == [
                "owners[0].name:length", "owners[1].name:required", "owners[1].email:email", "owners[2].name:type",
                "rating:range", "weight:range", "codes[0]:length", "codes[2]:length", "reference:matches",
            ])
        #expect(
            violations(Constrained.self, #"{"rating":1,"codes":[],"owners":[],"reference":"a-1"}"#) == ["owners:items"])
    }

    @Test("says what is missing, and what has the wrong type")
    func missing() {
        #expect(violations(Owner.self, "{}") == ["name:required"])
        #expect(violations(Owner.self, "[]") == [":type"])
        #expect(violations(Owner.self, "null") == [":type"])
        #expect(violations(Owner.self, #"{"name":null}"#) == ["name:type"])
        #expect(violations([Int].self, #"[1,"2",3.5,1e3]"#) == ["[1]:type", "[2]:type"])
        #expect(violations([String: Int].self, #"{"a":1,"b":{}}"#) == ["b:type"])
        #expect(violations(Mood.self, #""angry""#) == [":enum"])
    }

    @Test("does not crash on numbers too large for their type")
    func overflow() {
        #expect(violations(Int8.self, "128") == [":range"])
        #expect(violations(UInt64.self, "-1") == [":range"])
        #expect(violations(Int.self, "9223372036854775808") == [":range"])
        #expect(violations(Int.self, "1e300") == [":range"])
        #expect(violations(Double.self, "1e400") == [":range"])
    }

    @Test("lists at most 100 violations, whatever a peer sends")
    func boundedViolations() {
        let text = "[" + Array(repeating: "\"x\"", count: 500).joined(separator: ",") + "]"
        #expect(violations([Int].self, text).count == 100)
    }

    @Test("with cases is an object with the case's name at type, wherever that stands")
    func taggedObjects() throws {
        #expect(Change.opened(id: 1, note: nil).json == #"{"type":"opened","id":1}"#)
        #expect(Change.allClosed.json == #"{"type":"all-closed"}"#)
        #expect(try Change.decode(json: #"{"id":1,"note":"x","type":"opened"}"#) == .opened(id: 1, note: "x"))
        #expect(violations(Change.self, #"{"type":"shut"}"#) == ["type:enum"])
        #expect(violations(Change.self, #"{"id":1}"#) == ["type:required"])
        #expect(violations([Change].self, #"[{"type":"opened"}]"#) == ["[0].id:required"])
    }

    @Test("shows neither secrets nor personal data in its description")
    func redaction() {
        let text = "\(Secretive(id: 1, token: "s3cret", email: "maya@petpro.example"))"
        #expect(text == "Secretive(id: 1, token: [redacted], email: [redacted])")
    }

    @Test(
        "takes email addresses as forms do",
        arguments: [
            ("maya@petpro.example", true), ("a.b+c@x-y.co", true), ("žofie@kůň.cz", true), ("a@b", false),
            ("@b.cz", false),
            ("a@@b.cz", false), ("a b@c.cz", false), ("a@-b.cz", false), ("a..b@c.cz", false), ("a@b..cz", false),
            ("", false),
        ])
    func emails(_ text: String, _ isGood: Bool) {
        #expect(violations(Owner.self, "{\"name\":\"x\",\"email\":\"\(text)\"}").isEmpty == isGood)
    }
}

@Suite("Dates")
struct DateTests {
    @Test(
        "are read with any offset and cut to milliseconds",
        arguments: [
            ("2026-01-01T10:00:00Z", 1_767_261_600_000), ("2026-01-01T12:00:00.123456+02:00", 1_767_261_600_123),
            ("2026-01-01t04:30:00.5-05:30", 1_767_261_600_500), ("1969-12-31T23:59:59.999Z", -1),
        ] as [(String, Int64)])
    func reading(_ text: String, _ milliseconds: Int64) {
        #expect(Instant(text)?.milliseconds == milliseconds)
    }

    @Test(
        "that do not exist are refused",
        arguments: [
            "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T10:00:00",
            "2026-01-01T10:00:00.Z",
        ])
    func refusal(_ text: String) {
        #expect(Instant(text) == nil)
    }

    @Test("are written as JavaScript does, beyond four-digit years too")
    func writing() {
        #expect(Instant(milliseconds: 1_767_261_600_005).description == "2026-01-01T10:00:00.005Z")
        #expect(Instant(milliseconds: 253_402_300_800_000).description == "+010000-01-01T00:00:00.000Z")
        #expect(Instant(milliseconds: -62_198_755_200_000).description == "-000001-01-01T00:00:00.000Z")
        for day in stride(from: -1_000_000, through: 1_000_000, by: 997) {
            let instant = Instant(milliseconds: Int64(day) * 86_400_000 + 1)
            if (0...9999).contains(LocalDate(daysSinceEpoch: day).year) {
                #expect(Instant(instant.description) == instant)
            }
        }
    }

    @Test("know their weekday")
    func weekdays() {
        #expect(LocalDate("2026-11-22")?.weekday == 7)
        #expect(LocalDate("1970-01-01")?.weekday == 4)
        #expect(LocalDate("2024-02-29")?.description == "2024-02-29")
        #expect(LocalDate("2023-02-29") == nil && LocalDate("2023-2-9") == nil && LocalDate("+023-02-09") == nil)
    }
}
