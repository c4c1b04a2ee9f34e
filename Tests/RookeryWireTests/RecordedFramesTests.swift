import Foundation
import NIOCore
import RookeryTesting
import RookeryWire
import Testing

let recorded = RecordedFrames(
    folder: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Conformance"))

/// A value that must be there; unlike the macro it can stand inside another.
func need<Value>(_ value: Value?) throws -> Value { try #require(value) }

/// All frames of some bytes, given in slices.
func frames(_ slices: [[UInt8]], limit: Int = FrameDecoder.defaultFrameLimit) throws -> [[UInt8]] {
    var decoder = FrameDecoder(frameLimit: limit)
    var frames: [[UInt8]] = []
    for slice in slices {
        decoder.append(ByteBuffer(bytes: slice))
        while let body = try decoder.next() { frames.append(Array(body.readableBytesView)) }
    }
    return frames
}

func framed(_ body: [UInt8]) -> [UInt8] {
    var writer = ValueWriter()
    let mark = writer.beginFrame()
    body.withUnsafeBytes { writer.verbatim($0) }
    writer.endFrame(mark)
    return writer.bytes
}

@Suite("What a Nest client wrote")
struct ClientFramesTests {
    static func written() throws -> [RecordedFrames.Recording] {
        try recorded.recordings("client-frames").filter { $0.bytes("bytes")?.isEmpty == false }
    }

    @Test("is cut into the frames it declared, wherever the stream is cut")
    func decoding() throws {
        let recordings = try Self.written()
        #expect(recordings.count > 35)
        for recording in recordings {
            let bytes = try need(recording.bytes("bytes"))
            let whole = try frames([bytes])
            #expect(whole.count == (recording.name == "burst-3" ? 3 : 1), "\(recording.name)")
            if let declared = recording.json["declared_length"]?.intValue, whole.count == 1 {
                #expect(whole[0].withUnsafeBytes { UTF16Length.units(of: $0) } == declared, "\(recording.name)")
            }
            let step = bytes.count > 3000 ? 211 : 1
            for cut in stride(from: 1, to: bytes.count, by: step) {
                #expect(
                    try frames([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole, "\(recording.name) at \(cut)")
            }
            #expect(try frames(bytes.map { [$0] }) == whole, "\(recording.name) byte by byte")
        }
    }

    @Test("is a request when it has an id, and an event when it has none")
    func kinds() throws {
        for recording in try Self.written() where recording.name != "serializer-returning-string" {
            guard let kind = recording.json["kind"]?.stringValue, kind != "burst" else { continue }
            let body = try need(try frames([try need(recording.bytes("bytes"))]).first)
            let buffer = ByteBuffer(bytes: body)
            let scan = try PacketScan(buffer)
            #expect(scan.isObject && scan.pattern.isPresent)
            #expect(scan.id.isPresent == (kind == "request"), "\(recording.name)")
            if let id = recording.json["id"] { #expect(try buffer.value(of: scan.id) == id) }
        }
    }

    /// A lone surrogate cannot be held by a Swift string: it becomes U+FFFD, and is written as that.
    static let notOurs: Set = ["send-lone-high-surrogate", "serializer-returning-string"]

    @Test("is what our encoder writes for the same values")
    func encoding() throws {
        var compared = 0
        for recording in try Self.written() where !Self.notOurs.contains(recording.name) {
            let bytes = try need(recording.bytes("bytes"))
            var ours: [UInt8] = []
            for body in try frames([bytes]) {
                let buffer = ByteBuffer(bytes: body)
                let scan = try PacketScan(buffer)
                var writer = ValueWriter()
                let mark = writer.beginFrame()
                let pattern = try need(try buffer.value(of: scan.pattern))
                Array(pattern.jsonText.utf8).withUnsafeBytes { writer.beginPacket(pattern: $0) }
                writer.verbatim(",\"data\":")
                try need(try buffer.value(of: scan.data)).write(to: &writer)
                if case .object(let metadata)? = try buffer.value(of: scan.metadata) {
                    // Nest keeps the order of insertion; this recording has two members, not sorted.
                    writer.verbatim(",\"metadata\":")
                    JSONValue.object(metadata).write(to: &writer)
                }
                if let id = try buffer.value(of: scan.id) {
                    writer.verbatim(",\"id\":")
                    id.write(to: &writer)
                }
                writer.verbatim("}")
                writer.endFrame(mark)
                ours += writer.bytes
            }
            #expect(ours == bytes, "\(recording.name)")
            compared += 1
        }
        #expect(compared > 35)
    }

    @Test("has the normal form of its pattern when it is an event")
    func normalForms() throws {
        let patterns: [(name: String, pattern: JSONValue)] = [
            ("emit-string", "booking.created"), ("emit-number-pattern", 7),
            ("emit-pattern-quotes", ["cmd": "a\"b\\c"]), ("emit-pattern-newline", ["cmd": "a\nb"]),
            ("emit-pattern-array", ["a", "b"]), ("emit-pattern-empty-object", [:]),
            ("emit-pattern-deep", ["a": ["a": ["a": ["a": ["a": ["a": ["a": 1]]]]]]]),
        ]
        let recordings = try Self.written()
        for (name, pattern) in patterns {
            let recording = try need(recordings.first { $0.name == name })
            let body = ByteBuffer(bytes: try need(try frames([try need(recording.bytes("bytes"))]).first))
            let route = try body.value(of: try PacketScan(body).pattern)?.stringValue
            #expect(PatternNormalForm.route(of: pattern) == route, "\(name)")
        }
    }
}

@Suite("What a Nest server answered")
struct ServerFramesTests {
    @Test("reads back to the same bytes")
    func roundTrip() throws {
        for recording in try recorded.recordings("server-frames") {
            let bytes = try need(recording.bytes("bytes"))
            var ours: [UInt8] = []
            for body in try frames([bytes]) {
                ours += framed(Array(try JSONValue(parsing: body).jsonText.utf8))
            }
            #expect(ours == bytes, "\(recording.name)")
        }
    }
}

@Suite("Malformed input")
struct MalformedTests {
    private enum Outcome: Equatable {
        case frames(Int)
        case framingError
        case waits
    }

    /// Where `docs/wire.md` is stricter than Nest.
    private static let stricter: [String: Outcome] = [
        "length-trailing-space": .framingError, "length-leading-bom": .framingError,
        "length-leading-nbsp": .framingError, "length-plus-sign": .framingError,
        "length-trailing-underscore": .framingError, "length-trailing-comma": .framingError,
        "no-hash-json": .framingError, "tls-client-hello": .framingError,
        "tiny-frames-16000-one-write": .frames(1), "slow-then-bad": .framingError,
    ]

    @Test("is refused, ignored or waited for as the wire's rules say")
    func outcomes() throws {
        for recording in try recorded.recordings("malformed") {
            guard recording.json["direction"]?.stringValue == "client to server" else { continue }
            let slices = try need(recording.bytes("bytes").map { [$0] } ?? recording.chunks("chunks"))
            let isOversize = recording.json["note"]?.stringValue?.contains("maxBufferSize 200") == true
            var decoder = FrameDecoder(frameLimit: isOversize ? 200 : FrameDecoder.defaultFrameLimit)
            var outcome = Outcome.frames(0)
            var count = 0
            do {
                for slice in slices {
                    decoder.append(ByteBuffer(bytes: slice))
                    while let body = try decoder.next() {
                        _ = try PacketScan(body)
                        count += 1
                    }
                }
                outcome = decoder.hasPartialFrame ? .waits : .frames(count)
            } catch {
                outcome = .framingError
            }
            let behaviour = recording.json["nest_behaviour"]?.stringValue ?? ""
            let expected: Outcome
            if let stricter = Self.stricter[recording.name] {
                expected = stricter
            } else if isOversize {
                expected = .framingError
            } else if behaviour.contains("closed") {
                expected = .framingError
            } else if behaviour.contains("waits") {
                expected = .waits
            } else {
                expected = .frames(recording.name == "newline-between-frames" ? 2 : 1)
            }
            #expect(outcome == expected, "\(recording.name): \(behaviour)")
        }
    }

    @Test("of 16 000 tiny frames in one write is nothing special")
    func tinyFrames() throws {
        let bytes = Array(String(repeating: "2#{}", count: 16_000).utf8)
        #expect(try frames([bytes]).count == 16_000)
    }

    @Test("that is nested deeper than any reader goes has its pattern and id found, in one pass")
    func deepNesting() throws {
        let depth = 20_000
        let deep = String(repeating: "{\"a\":[", count: depth) + String(repeating: "]}", count: depth)
        let body = ByteBuffer(string: "{\"pattern\":\(deep),\"data\":\(deep),\"id\":\"7\"}")
        let scan = try PacketScan(body)
        #expect(scan.pattern.count == deep.utf8.count && scan.data.count == deep.utf8.count)
        #expect(body.bytes(of: scan.id) == Array("\"7\"".utf8))
        #expect(throws: MalformedValue.self) { try body.value(of: scan.data) }
        // Brackets that do not belong together are told apart at any depth.
        for end in ["]}}", "}]", "]]"] {
            let wrong = String(repeating: "{\"a\":[", count: 100) + end
            #expect(throws: FramingError.self) { try PacketScan(ByteBuffer(string: wrong)) }
        }
    }

    @Test("in UTF-8 counts one unit per maximal ill-formed part, wherever it is cut")
    func invalidUTF8() throws {
        for recording in try recorded.recordings("malformed") where recording.name.hasPrefix("utf8-") {
            let bytes = try need(recording.bytes("bytes"))
            let reply = try need(recording.bytes("response"))
            let echoed = try JSONValue(parsing: try need(try frames([reply]).first))["response"]
            for cut in 1..<bytes.count {
                let body = try need(try frames([Array(bytes[..<cut]), Array(bytes[cut...])]).first)
                #expect(try JSONValue(parsing: body)["data"] == echoed, "\(recording.name) at \(cut)")
            }
        }
    }
}

@Suite("What Nest 12 does otherwise")
struct Nest12Tests {
    private static func recordings(_ file: String) throws -> [RecordedFrames.Recording] {
        try recorded.recordings("nest-12/\(file)")
    }

    @Test("on the client's side is one member more, wherever the stream is cut")
    func clientFrames() throws {
        var seen = 0
        for recording in try Self.recordings("client-frames") {
            guard let bytes = recording.bytes("bytes"), !bytes.isEmpty else { continue }
            for cut in 1..<bytes.count {
                let body = ByteBuffer(
                    bytes: try need(try frames([Array(bytes[..<cut]), Array(bytes[cut...])]).first))
                let scan = try PacketScan(body)
                #expect(scan.pattern.isPresent && scan.data.isPresent, "\(recording.name)")
                #expect(scan.id.isPresent == (recording.json["kind"]?.stringValue == "request"), "\(recording.name)")
            }
            seen += 1
        }
        #expect(seen == 6)
    }

    @Test("in metadata is found whatever JSON it is")
    func serverFrames() throws {
        var withMetadata = 0
        for recording in try Self.recordings("server-frames") {
            let body = ByteBuffer(
                bytes: try need(try frames([try need(recording.bytes("request"))]).first))
            let scan = try PacketScan(body)
            if scan.metadata.isPresent { withMetadata += 1 }
            // Two of the answers below quote the metadata; what is sent back has its own members only.
            for answer in try frames([try need(recording.bytes("bytes"))]) {
                #expect(framed(Array(try JSONValue(parsing: answer).jsonText.utf8)) == framed(answer))
            }
        }
        #expect(withMetadata == 9)
    }
}
