import Foundation
import Rookery
import RookeryCore
import Testing

/// A tree of notes.
@Message
private struct Note: Hashable {
    /// What it says.
    ///
    /// In words.
    @Line(1...40) var title: String
    @Text(0...100, bytes: 120) @PII(.notes) var body: String?
    @InRange(1...5) @MultipleOf(2) var weight: Int = 2
    @InRange(LocalDate(daysSinceEpoch: 0)...) var day: LocalDate?
    @Items(0...3) @Distinct var children: [Note] = []
    @Sensitive @Length(1...9) var secret: String
    @Matches(/[a-z]+/) var slug: String?
    @WholeMinutes(5) var at: Instant?
    var kind: NoteKind
    var place: NotePlace?
}

/// What a note is for.
@Message
private enum NoteKind: String, CaseIterable { case todo, done = "did" }

@Message
private enum NotePlace: Hashable {
    /// On a shelf.
    case shelf(number: Int)
    @WireName("box") case carton(label: String, full: Bool)
}

@Message
private struct Sized<Item: MessageValue & Hashable>: Hashable {
    var items: [Item]
    var total: UInt8
}

/// The same message before and after a field was added: one line more.
private enum Before {
    @Message struct Pet { @Line(1...60) var name: String }
}
private enum After {
    @Message struct Pet {
        @Line(1...60) var name: String
        /// In kilograms.
        @InRange(1...200) var weight: Int
    }
}

@Suite("A schema")
struct SchemaTests {
    private static func properties<Value: MessageValue>(_: Value.Type, _ name: String) -> JSONValue? {
        Schema(of: Value.self).jsonSchema["$defs"]?[name]?["properties"]
    }

    @Test("has the members of a message, with their rules, defaults, marks and doc comments")
    func members() {
        let fields = Self.properties(Note.self, "Note")
        #expect(fields?["title"]?["description"] == "What it says.\n\nIn words.")
        #expect(fields?["title"]?["minLength"] == 1 && fields?["title"]?["maxLength"] == 40)
        #expect(fields?["body"]?["type"] == ["string", "null"] && fields?["body"]?["x-maxBytes"] == 120)
        #expect(fields?["body"]?["x-personal-data"] == "notes" && fields?["body"]?["default"] == nil)
        #expect(
            fields?["weight"] == ["type": "integer", "minimum": 1, "maximum": 5, "multipleOf": 2, "default": 2])
        #expect(fields?["day"]?["x-minimum"] == "1970-01-01" && fields?["day"]?["format"] == "date")
        #expect(
            fields?["children"]?["items"] == ["$ref": "#/$defs/Note"] && fields?["children"]?["uniqueItems"] == true)
        #expect(fields?["secret"]?["x-sensitive"] == true)
        #expect(fields?["slug"]?["pattern"] == "^(?:[a-z]+)$" && fields?["at"]?["x-wholeMinutes"] == 5)
        let note = Schema(of: Note.self).jsonSchema["$defs"]?["Note"]
        #expect(note?["required"] == ["title", "secret", "kind"] && note?["description"] == "A tree of notes.")
    }

    @Test("has the values of an enum, and the cases of one with payloads")
    func enums() {
        let definitions = Schema(of: Note.self).jsonSchema["$defs"]
        #expect(
            definitions?["NoteKind"] == [
                "type": "string", "description": "What a note is for.", "enum": ["todo", "did"],
            ])
        let cases = definitions?["NotePlace"]?["oneOf"]?.arrayValue
        #expect(cases?.map { $0["properties"]?["type"]?["const"] } == ["shelf", "box"])
        #expect(cases?.first?["description"] == "On a shelf." && cases?.last?["required"] == ["type", "label", "full"])
    }

    @Test("of a generic message is one for each of its types")
    func generic() throws {
        let schema = Schema(of: Sized<Note>.self).jsonSchema
        #expect(schema["$ref"] == "#/$defs/Sized_Note")
        #expect(
            schema["$defs"]?["Sized_Note"]?["properties"]?["total"] == [
                "type": "integer", "minimum": 0, "maximum": 255,
            ])
        let text = #"{"items":[1,2],"total":2}"#
        #expect(try Sized<Int>.decode(json: text) == Sized(items: [1, 2], total: 2))
        let error = #expect(throws: InvalidPayload.self) {
            try Sized<Note>.decode(json: #"{"items":[{}],"total":300}"#)
        }
        #expect(error?.violations.map(\.path).contains("items[0].title") == true)
        #expect(error?.violations.map(\.path).contains("total") == true)
    }

    @Test("changes with one line in one file, and with it what is checked and what is described")
    func oneLine() {
        func describe<Value: MessageValue>(_: Value.Type) -> JSONValue {
            let command = Command(
                _contract: "PetAPI", "enter", patterns: [Pattern(cmd: "enter")], kind: .request, idempotency: .unsafe,
                timeout: nil, group: nil, errors: [], execution: .eventLoop, documentation: nil,
                request: { Value._schema }, reply: { nil })
            return Description(service: "pets", commands: [command]).jsonValue
        }
        let (before, after) = (describe(Before.Pet.self), describe(After.Pet.self))
        #expect(before["schemas"]?["Pet"]?["properties"]?["weight"] == nil)
        #expect(
            after["schemas"]?["Pet"]?["properties"]?["weight"] == [
                "type": "integer", "minimum": 1, "maximum": 200, "description": "In kilograms.",
            ])
        #expect(throws: Never.self) { try Before.Pet.decode(json: #"{"name":"Rex"}"#) }
        let missing = #expect(throws: InvalidPayload.self) { try After.Pet.decode(json: #"{"name":"Rex"}"#) }
        #expect(missing?.violations.map(\.constraint) == ["required"])
        let wrong = #expect(throws: InvalidPayload.self) { try After.Pet.decode(json: #"{"name":"Rex","weight":0}"#) }
        #expect(wrong?.violations.map(\.constraint) == ["range"])
    }

    @Test("has an example, which fits the message")
    func examples() throws {
        let example = SchemaExample.value(of: Schema(of: Note.self))
        #expect(throws: Never.self) { try Note.decode(json: example.jsonText) }
        let given = GivenMembers(["title": "given", "kind": NoteKind.done])
        let partial = SchemaExample.value(of: Schema(of: Note.self), without: given)
        #expect(partial["title"] == nil && partial["kind"] == nil && partial["secret"] != nil)
    }
}

@Suite("Foundation's types in a message")
struct FoundationValueTests {
    @Test("are read as they are written, and refused otherwise")
    func roundTrip() throws {
        let key = try #require(UUID(uuidString: "123E4567-E89B-12D3-A456-426614174000"))
        #expect(key.json == "\"123e4567-e89b-12d3-a456-426614174000\"")
        #expect(try UUID.decode(json: key.json) == key)
        let date = Date(timeIntervalSince1970: 1_767_261_600.125)
        #expect(try date.json == "\"2026-01-01T10:00:00.125Z\"" && Date.decode(json: date.json) == date)
        #expect(try Date.decode(json: "\"2026-01-01T11:00:00.125+01:00\"") == date)
        let data = Data([0, 1, 250, 255])
        #expect(try data.json == "\"AAH6/w==\"" && Data.decode(json: data.json) == data)
        let url = try #require(URL(string: "https://example.com/a?b=c"))
        #expect(try URL.decode(json: url.json) == url)
        #expect(try Float(0.1).json == "0.1" && Float.decode(json: "0.1") == 0.1)
        for text in ["\"x\"", "7", "null", "\"1e400\""] {
            #expect(throws: InvalidPayload.self) { try UUID.decode(json: text) }
            #expect(throws: InvalidPayload.self) { try Date.decode(json: text) }
            #expect(throws: InvalidPayload.self) { try URL.decode(json: text) }
        }
        #expect(throws: InvalidPayload.self) { try Data.decode(json: "\"%%\"") }
        #expect(throws: InvalidPayload.self) { try Float.decode(json: "1e300") }
        #expect(
            Date.distantFuture.json.count > 20 && Date(timeIntervalSince1970: .infinity).json.hasPrefix("\"+275760"))
    }
}

@Suite("Members that are given")
struct GivenMemberTests {
    private static func read(_ text: String, _ given: GivenMembers) throws -> Note {
        try Array(text.utf8).withUnsafeBytes { try Note.decode($0, format: .json, given: given) }
    }

    @Test("are not the sender's to set, whatever it sends, also where they are optional")
    func given() throws {
        let nothing: String? = nil
        let given = GivenMembers(["title": "given", "kind": NoteKind.done, "body": nothing])
        let note = try Self.read(#"{"title":"mine","body":"mine","kind":7,"secret":"s"}"#, given)
        #expect(note.title == "given" && note.body == nil && note.kind == .done && note.secret == "s")
        #expect(try Self.read(#"{"secret":"s"}"#, given).title == "given")
    }

    @Test("are so at their own level only, and leave every other rule in force")
    func level() throws {
        let given = GivenMembers(["title": "given"])
        let note = try Self.read(
            #"{"kind":"todo","secret":"s","children":[{"title":"own","kind":"todo","secret":"s"}]}"#, given)
        #expect(note.children.map(\.title) == ["own"])
        let error = #expect(throws: InvalidPayload.self) {
            try Self.read(#"{"kind":"todo","secret":"","slug":"A","day":"1969-12-31"}"#, given)
        }
        #expect(Set(error?.violations.map(\.path) ?? []) == ["secret", "slug", "day"])
    }
}
