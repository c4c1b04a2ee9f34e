import Rookery
import Testing

@Message
private struct Bounded {
    @Length(1...4) var short: String?
    @Length(1...10, bytes: 12) var narrow: String?
    @Line(1...20) var line: String?
    @Line(0...20) var emptyLine: String?
    @Text(0...20) var text: String?
    @Length(3...8) @NotBlank var password: String?
    @MultipleOf(5) @InRange(5...20) var minutes: Int?
    @WholeMinutes(5) var start: Instant?
    @Distinct @Items(1...3) var species: [String]?
    @Line(1...3) var names: [String]?
    @Matches(/(a|b)+/, bytes: 4) var code: String?
}

private func violations(_ json: String) -> [String] {
    do {
        _ = try Bounded.decode(json: json)
        return []
    } catch let error as InvalidPayload {
        return error.violations.map { "\($0.path):\($0.constraint)" }
    } catch {
        return ["\(error)"]
    }
}

private func violations(_ member: String, _ text: String) -> [String] {
    violations(JSONValue.object([member: .string(text)] as JSONObject).jsonText)
}

extension JSONObject {
    fileprivate init(_ members: KeyValuePairs<String, JSONValue>) {
        self.init()
        for (key, value) in members { self[key] = value }
    }
}

@Suite("A constraint")
struct ConstraintTests {
    @Test("on length counts code points, so that no character can be as long as it likes")
    func length() {
        #expect(violations("short", "žluť").isEmpty && violations("short", "🐶🐶🐶🐶").isEmpty)
        #expect(violations("short", "") == ["short:length"] && violations("short", "12345") == ["short:length"])
        // One grapheme cluster of six code points, and one of 100 000.
        #expect(violations("short", "👩‍👩‍👧") == ["short:length"])
        #expect(violations("short", "e" + String(repeating: "\u{301}", count: 100_000)) == ["short:length"])
    }

    @Test("on length bounds bytes, before it counts characters")
    func bytes() {
        #expect(violations("narrow", "žžžžžž").isEmpty)
        #expect(violations("narrow", "žžžžžžž") == ["narrow:bytes"])
        #expect(violations("narrow", String(repeating: "x", count: 13)) == ["narrow:bytes"])
        #expect(violations("narrow", String(repeating: "x", count: 11)) == ["narrow:length"])
    }

    @Test(
        "on a line of text refuses control characters, line ends among them, and white space alone",
        arguments: [
            ("Marigold Grooming", true), (" a ", true), ("a\u{0}b", false), ("a\nb", false), ("a\u{7F}", false),
            ("a\u{85}", false), ("a\u{2028}b", false), ("   ", false), ("\u{3000}", false), ("", false),
        ])
    func line(_ text: String, _ isGood: Bool) {
        #expect(violations("line", text).isEmpty == isGood)
    }

    @Test("on text of several lines takes line breaks and tabs, and no other control characters")
    func text() {
        #expect(violations("text", "a\n\tb\r\n").isEmpty && violations("text", "").isEmpty)
        #expect(violations("text", "a\u{0}") == ["text:text"] && violations("text", "\u{1B}[31m") == ["text:text"])
        #expect(violations("emptyLine", "").isEmpty && violations("emptyLine", "\n") == ["emptyLine:line"])
    }

    @Test("that a text is not blank holds for white space of every kind")
    func notBlank() {
        #expect(violations("password", "        ") == ["password:notBlank"])
        #expect(violations("password", "\u{A0}\u{2003}\t") == ["password:notBlank"])
        #expect(violations("password", "   x").isEmpty)
    }

    @Test("on numbers and instants says what is wrong with each")
    func numbers() {
        #expect(violations(#"{"minutes":7}"#) == ["minutes:multiple"])
        #expect(violations(#"{"minutes":25}"#) == ["minutes:range"])
        #expect(violations(#"{"minutes":15,"start":"2026-01-01T10:05:00Z"}"#).isEmpty)
        #expect(violations(#"{"start":"2026-01-01T10:05:00.001Z"}"#) == ["start:wholeMinutes"])
        #expect(violations(#"{"start":"2026-01-01T10:07:00Z"}"#) == ["start:wholeMinutes"])
        #expect(violations(#"{"start":"1969-12-31T23:55:00Z"}"#).isEmpty)
    }

    @Test("on an array is about each element, or about the array, and says which")
    func arrays() {
        #expect(violations(#"{"species":["dog","cat"],"names":["a","bb"]}"#).isEmpty)
        #expect(violations(#"{"species":["dog","dog"]}"#) == ["species:distinct"])
        #expect(violations(#"{"names":["a","","\u0000"]}"#) == ["names[1]:length", "names[2]:line"])
    }

    @Test("by a regular expression does not match text that is too long for it")
    func matches() {
        #expect(violations("code", "abab").isEmpty && violations("code", "abc") == ["code:matches"])
        #expect(violations("code", "aaaaa") == ["code:bytes"])
    }
}
