import Foundation
import NIOCore
import RookeryWire
import Testing

/// Values and bytes that Python's msgpack wrote; `Conformance/messagepack.py` says how.
private func vectors() throws -> JSONValue {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Conformance/messagepack.json")
    return try JSONValue(parsing: Data(contentsOf: file))
}

func bytes(hex: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var digits = hex.utf8.makeIterator()
    while let high = digits.next(), let low = digits.next() {
        guard let byte = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16) else { continue }
        bytes.append(byte)
    }
    return bytes
}

@Suite("MessagePack")
struct MessagePackTests {
    private func each(_ list: String, _ body: (JSONValue, [UInt8]) throws -> Void) throws -> Int {
        let entries = try #require(try vectors()[list]?.arrayValue)
        for entry in entries {
            try body(try #require(entry["value"]), bytes(hex: entry["hex"]?.stringValue ?? ""))
        }
        return entries.count
    }

    @Test("is written as Python's msgpack writes it, and read back")
    func python() throws {
        let count = try each("values") { value, expected in
            #expect(value.bytes(as: .messagePack) == expected, "\(value.jsonText.prefix(60))")
            let read = try JSONValue(expected, format: .messagePack)
            #expect(read == value, "\(value.jsonText.prefix(60))")
        }
        #expect(count > 40)
    }

    @Test("has lengths of 32 bits where 16 are too few")
    func long() throws {
        let text = JSONValue.string(String(repeating: "x", count: 65_536))
        #expect(Array(text.bytes(as: .messagePack).prefix(5)) == [0xDB, 0, 1, 0, 0])
        let list = JSONValue.array(Array(repeating: 1, count: 65_536))
        #expect(Array(list.bytes(as: .messagePack).prefix(5)) == [0xDD, 0, 1, 0, 0])
        for value in [text, list] {
            #expect(try JSONValue(value.bytes(as: .messagePack), format: .messagePack) == value)
        }
    }

    @Test("is read in longer forms than need be")
    func longerForms() throws {
        let count = try each("longer") { value, form in
            let read = try JSONValue(form, format: .messagePack)
            #expect(read == value, "\(form)")
        }
        #expect(count == 16)
    }

    @Test("is refused when it is cut short, claims more than there is, or holds what no message does")
    func refused() throws {
        let texts = try #require(try vectors()["refused"]?.arrayValue)
        for text in texts {
            #expect(throws: MalformedValue.self, "\(text)") {
                try JSONValue(bytes(hex: text.stringValue ?? ""), format: .messagePack)
            }
        }
        let deep = [UInt8](repeating: 0x91, count: 100_000) + [0xC0]
        #expect(throws: MalformedValue.self) { try JSONValue(deep, format: .messagePack) }
        // Every beginning of a value is no value.
        let whole = try JSONValue(parsing: #"{"a":[1,"x",{"b":null}],"c":300.5,"d":-70000}"#).bytes(as: .messagePack)
        for end in whole.indices {
            #expect(throws: MalformedValue.self) { try JSONValue(whole[..<end], format: .messagePack) }
        }
    }

    @Test("has whole doubles as integers, NaN and the infinities as nil")
    func doubles() {
        #expect(JSONValue.double(42).bytes(as: .messagePack) == [42])
        #expect(JSONValue.double(-0.0).bytes(as: .messagePack) == [0xCB, 0x80, 0, 0, 0, 0, 0, 0, 0])
        #expect(JSONValue.double(.nan).bytes(as: .messagePack) == [0xC0])
        #expect(JSONValue.double(.infinity).bytes(as: .messagePack) == [0xC0])
    }

    @Test("lets binary and extension values, and names that are no strings, be passed over")
    func passedOver() throws {
        for form in [
            "c403010203", "c5000101", "c60000000101", "c7020102ff", "d4ff00", "d8010102030405060708090a0b0c0d0e0f10",
            "8101a178",
        ] {
            let form = bytes(hex: form)
            try form.withUnsafeBytes { form in
                var reader = ValueReader(form, format: .messagePack)
                try reader.skipValue()
                try reader.finish()
            }
        }
    }
}
