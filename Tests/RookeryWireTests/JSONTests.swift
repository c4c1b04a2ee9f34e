import RookeryTesting
import RookeryWire
import Testing

@Suite("JSON as JavaScript writes it")
struct JSONWriterTests {
    @Test(
        "has JavaScript's numbers",
        arguments: [
            (0.0, "0"), (-0.0, "0"), (1, "1"), (-1.5, "-1.5"), (42.5, "42.5"), (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e300, "1.5e+300"), (1e-6, "0.000001"), (1e-7, "1e-7"),
            (1.25e-9, "1.25e-9"), (.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (123456.789, "123456.789"), (9007199254740992, "9007199254740992"), (0.000123, "0.000123"),
            (4.35, "4.35"), (1e9 + 0.5, "1000000000.5"), (-1e-300, "-1e-300"), (.nan, "null"), (.infinity, "null"),
        ] as [(Double, String)])
    func numbers(_ value: Double, _ text: String) {
        #expect(JSONValue.double(value).jsonText == text)
    }

    @Test("writes doubles that read back to themselves", arguments: 0..<8)
    func roundTrip(_ seed: UInt64) throws {
        var generator = SeededRandom(seed)
        for _ in 0..<5000 {
            let bits = generator.next()
            let value = seed % 2 == 0 ? Double(bitPattern: bits) : Double(Int64(bitPattern: bits) >> 20) / 1000
            guard value.isFinite else { continue }
            let text = JSONValue.double(value).jsonText
            let back = try JSONValue(parsing: text)
            switch back {
            case .int(let integer): #expect(Double(integer) == value, "\(text)")
            case .uint(let integer): #expect(Double(integer) == value, "\(text)")
            default: #expect(back == .double(value), "\(text)")
            }
        }
    }

    @Test("escapes what must be escaped and nothing else")
    func escapes() {
        let text = "\u{0}\u{1}\u{8}\t\n\u{B}\u{C}\r\u{1F}\u{7F}/\"\\ž🐶\u{2028}"
        #expect(
            JSONValue.string(text).jsonText
                == #""\u0000\u0001\b\t\n\u000b\f\r\u001f"# + "\u{7F}/" + #"\"\\ž🐶"# + "\u{2028}\"")
    }

    @Test("counts UTF-16 units while writing", arguments: ["", "ascii", "žluťoučký", "🐶🐶", "a\"ž\\🐶\n", "שלום"])
    func units(_ text: String) {
        var writer = ValueWriter()
        JSONValue.object([text: .string(text)]).write(to: &writer)
        #expect(writer.utf16Count == JSONValue.object([text: .string(text)]).jsonText.utf16.count)
    }

    @Test("writes every integer to its ends")
    func integers() {
        #expect(JSONValue.int(.min).jsonText == "-9223372036854775808")
        #expect(JSONValue.int(.max).jsonText == "9223372036854775807")
        #expect(JSONValue.uint(.max).jsonText == "18446744073709551615")
        for digits in 1...18 {
            let value = (0..<digits).reduce(0) { number, _ in number * 10 + 9 }
            #expect(JSONValue.int(Int64(value)).jsonText == String(value))
            #expect(JSONValue.int(Int64(value + 1)).jsonText == String(value + 1))
        }
    }

    @Test("puts frame lengths of any width before bodies of any size")
    func frameLengths() throws {
        for size in [1, 8, 9, 98, 99, 998, 999, 9998, 99_999] {
            var writer = ValueWriter()
            let first = writer.beginFrame()
            writer.write("before")
            writer.endFrame(first)
            let mark = writer.beginFrame()
            writer.write(String(repeating: "x", count: size))
            writer.endFrame(mark)
            #expect(writer.bytes == Array("8#\"before\"\(size + 2)#\"\(String(repeating: "x", count: size))\"".utf8))
        }
    }
}

@Suite("Reading JSON")
struct JSONReaderTests {
    @Test(
        "is strict",
        arguments: [
            "", " ", "{", "[1", "{\"a\":1,}", "[1,]", "{'a':1}", "{a:1}", "01", "+1", "1.", ".5", "1e", "-", "NaN",
            "undefined",
            "\"\t\"", "\"\\x\"", "\"\\u12g4\"", "\"abc", "{}{}", "1 2", "/*c*/1", "tru", "nul", "\u{FEFF}1", "[1 2]",
            "{\"a\" 1}",
        ])
    func strictness(_ text: String) {
        #expect(throws: MalformedValue.self) { try JSONValue(parsing: text) }
        #expect(throws: MalformedValue.self) {
            try Array(text.utf8).withUnsafeBytes { bytes in
                var reader = ValueReader(bytes)
                try reader.skipValue()
                try reader.finish()
            }
        }
    }

    @Test("keeps integers exact to 64 bits")
    func integers() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .int(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .int(.min))
        #expect(try JSONValue(parsing: "18446744073709551615") == .uint(.max))
        #expect(try JSONValue(parsing: "18446744073709551616") == .double(18_446_744_073_709_551_616))
        #expect(try JSONValue(parsing: "1e400") == .double(.infinity))
    }

    @Test(
        "reads decimals as the nearest double",
        arguments: [
            "0.1", "123456.789", "2.2250738585072014e-308", "1e23", "9007199254740993.0", "0.30000000000000004",
            "-7.5e-10",
        ])
    func decimals(_ text: String) throws {
        #expect(try JSONValue(parsing: text) == .double(try #require(Double(text))))
    }

    @Test("resolves escapes, and shows a lone surrogate as U+FFFD")
    func escapes() throws {
        #expect(try JSONValue(parsing: #""\ud83d\udc36\n\/\u00e9""#) == "🐶\n/é")
        #expect(try JSONValue(parsing: #""a\ud83db\udc36c\ud83d\u0041""#) == "a\u{FFFD}b\u{FFFD}c\u{FFFD}A")
    }

    @Test("lets the last of duplicate keys win, and tells names apart by their bytes")
    func keys() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"b":2,"\u0061":3}"#).jsonText == #"{"a":3,"b":2}"#)
        let names = "{\"\u{E9}\":1,\"e\u{301}\":2}"
        #expect(try JSONValue(parsing: names).jsonText == names)
        let many = (0..<40).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        #expect(try JSONValue(parsing: "{\(many),\"k7\":\"last\"}")["k7"] == "last")
    }

    @Test("stops at 512 levels, not at the end of the stack")
    func depth() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(512)) }
        #expect(throws: MalformedValue.self) { try JSONValue(parsing: nested(513)) }
        #expect(throws: MalformedValue.self) { try JSONValue(parsing: nested(100_000)) }
    }
}

@Suite("The route table")
struct RouteTableTests {
    private static let patterns: KeyValuePairs = [
        "echo": "echo", "7": "seven", "{\"cmd\":\"x\"}": "cmd x",
        "{\"a\":1,\"b\":{\"c\":\"d\\\"e\"}}": "nested",
        "true": "string true", "1000": "thousand", "1e3": "string 1e3", "line\nbreak": "newline",
        "": "empty", "\"quoted\"": "quoted", "{\"b\":1,\"a\":2}": "string of an object",
    ]
    private let table = RouteTable(Self.patterns.map(\.key))

    private func find(_ pattern: String) -> String? {
        Array(pattern.utf8).withUnsafeBytes { table.lookUp(received: $0) }.map { Self.patterns[$0].value }
    }

    @Test("finds a pattern however it is spelled")
    func spellings() {
        #expect(find("\"echo\"") == "echo")
        #expect(find("\"\\u0065cho\"") == "echo")
        #expect(find("\"\\\"echo\\\"\"") == "echo")
        #expect(
            find("7") == "seven" && find("\"7\"") == "seven" && find("\"7.0\"") == "seven" && find("7.0") == "seven")
        #expect(find("{\"cmd\":\"x\"}") == "cmd x" && find("{ \"cmd\" : \"x\" }") == "cmd x")
        #expect(find("\"{\\\"cmd\\\":\\\"x\\\"}\"") == "cmd x")
        #expect(find("{\"b\":{\"c\":\"d\\\"e\"},\"a\":1}") == "nested")
        #expect(find("\"1000\"") == "thousand" && find("1000") == "thousand" && find("1e3") == "thousand")
        #expect(find("\"line\\nbreak\"") == "newline")
        #expect(find("\"\"") == "empty")
    }

    @Test("matches neither parts nor null nor booleans")
    func misses() {
        for pattern in ["\"ech\"", "{\"cmd\":\"x\",\"v\":2}", "{}", "null", "true", "\"null\"", "8", "[]"] {
            #expect(find(pattern) == nil, "\(pattern)")
        }
    }

    @Test("finds a string as it stands before it takes it for JSON, as Nest does from 12.4 on")
    func stringsThatReadAsJSON() {
        #expect(find("\"true\"") == "string true")
        #expect(find("\"1e3\"") == "string 1e3")
        #expect(find("\"\\\"quoted\\\"\"") == "quoted")
        #expect(find("\"{\\\"b\\\":1,\\\"a\\\":2}\"") == "string of an object")
        // What no string handler is for is still read.
        #expect(find("\"1.0e3\"") == "thousand")
    }

    @Test("has no match for a pattern longer than any way to write one of its own, or nested without end")
    func longPatterns() {
        let padded = "{\"cmd\":" + String(repeating: " ", count: 4096) + "\"x\"}"
        #expect(find("{\"cmd\":" + String(repeating: " ", count: 3000) + "\"x\"}") == "cmd x")
        #expect(find(padded) == nil)
        #expect(find(String(repeating: "{\"a\":", count: 600) + "1" + String(repeating: "}", count: 600)) == nil)
    }
}
