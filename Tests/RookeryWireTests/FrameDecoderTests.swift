import NIOCore
import RookeryTesting
import RookeryWire
import Testing

@Suite("The frame decoder")
struct FrameDecoderTests {
    @Test("refuses a frame over the limit when its length has come, before its body")
    func limitBeforeBody() {
        var decoder = FrameDecoder(frameLimit: 100)
        decoder.append(ByteBuffer(string: "101#"))
        #expect(throws: FramingError.frameTooLarge(declared: 101, limit: 100)) { try decoder.next() }
    }

    @Test("counts the limit in bytes, so that wide characters cannot get round it")
    func limitInBytes() {
        var decoder = FrameDecoder(frameLimit: 100)
        decoder.append(ByteBuffer(string: "60#\"" + String(repeating: "ž", count: 58) + "\""))
        #expect(throws: FramingError.frameTooLarge(declared: 60, limit: 100)) { try decoder.next() }
    }

    @Test("takes a frame of exactly the limit")
    func exactLimit() throws {
        let body = "\"" + String(repeating: "x", count: 98) + "\""
        #expect(try frames([Array("100#\(body)".utf8)], limit: 100) == [Array(body.utf8)])
    }

    @Test("takes leading zeros, white space between frames, and up to ten digits")
    func lengths() throws {
        #expect(try frames([Array(" \r\n\t0000000002#{}\n 2#[]".utf8)]).count == 2)
        #expect(throws: FramingError.lengthTooLong) { try frames([Array("00000000002#{}".utf8)]) }
    }

    @Test("says what byte was wrong", arguments: ["x", "-", "#", "1 2#", "1x", "\u{0}"])
    func wrongBytes(_ text: String) {
        #expect(throws: FramingError.self) { try frames([Array(text.utf8)]) }
    }

    @Test("tells a binary frame, which nobody agreed on, from text")
    func binary() {
        #expect(throws: FramingError.binaryNotNegotiated) { try frames([[0x80, 1, 2]]) }
    }

    @Test("refuses a length that cuts a surrogate pair")
    func cutPair() {
        #expect(throws: FramingError.cutsSurrogatePair) { try frames([Array("2#\"🐶\"".utf8)]) }
    }

    @Test("takes 8 MiB in slices of 1 KiB")
    func largeInSlices() throws {
        let body = "\"" + String(repeating: "žlutý kůň 🐶 ", count: 400_000).prefix(4_000_000) + "\""
        let bytes = framed(Array(body.utf8))
        let slices = stride(from: 0, to: bytes.count, by: 1024).map { Array(bytes[$0..<min($0 + 1024, bytes.count)]) }
        #expect(try frames(slices) == [Array(body.utf8)])
    }

    @Test("never crashes on random bytes", arguments: 0..<20)
    func randomBytes(_ seed: UInt64) {
        var generator = SeededRandom(seed)
        let alphabet = Array("0123456789#{}[]\":,ntf \\u\u{0}".utf8) + [0x80, 0xC3, 0xF0, 0x9F, 0xFF]
        for _ in 0..<2000 {
            let count = Int.random(in: 1...40, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            var decoder = FrameDecoder(frameLimit: 64)
            decoder.append(ByteBuffer(bytes: bytes))
            do {
                while let body = try decoder.next() { _ = try PacketScan(body) }
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    // MARK: Frames that are passed over

    private static func skipping(_ slices: [[UInt8]], limit: Int, skipLimit: Int) throws -> [String] {
        var decoder = FrameDecoder(frameLimit: limit, skipLimit: skipLimit)
        decoder.acceptsBinary = true
        var seen: [String] = []
        for slice in slices {
            decoder.append(ByteBuffer(bytes: slice))
            while let frame = try decoder.nextFrame() {
                switch frame {
                case .text(let body): seen.append(String(buffer: body))
                case .binary(let header, _): seen.append("binary \(header.id)")
                case .skipped(let skipped):
                    let id = skipped.header.map { "\($0.id)" } ?? skipped.id.map { String(buffer: $0) }
                    seen.append("skipped \(skipped.declared) \(id ?? "?")")
                }
            }
        }
        #expect(!decoder.hasPartialFrame)
        return seen
    }

    @Test("passes over a frame up to a second limit, tells whose it was, and goes on, wherever the stream is cut")
    func skipped() throws {
        let long = "{\"response\":\"" + String(repeating: "ž🐶", count: 50) + "\",\"isDisposed\":true,\"id\":\"42\"}"
        var binary = ValueWriter()
        let start = binary.beginBinaryFrame()
        Array(String(repeating: "x", count: 300).utf8).withUnsafeBytes { binary.append($0) }
        binary.endBinaryFrame(start, BinaryHeader(.value, id: 7))
        let stream =
            Array("2#{}".utf8) + framed(Array(long.utf8)) + Array("2#[]".utf8) + binary.bytes + Array("1#1".utf8)
        let expected = ["{}", "skipped \(long.utf16.count) \"42\"", "[]", "skipped 300 7", "1"]
        for cut in 1..<stream.count {
            let slices = [Array(stream[..<cut]), Array(stream[cut...])]
            #expect(try Self.skipping(slices, limit: 100, skipLimit: 1000) == expected, "cut at \(cut)")
        }
        #expect(try Self.skipping(stream.map { [$0] }, limit: 100, skipLimit: 1000) == expected)
        #expect(throws: FramingError.self) { try Self.skipping([stream], limit: 100, skipLimit: 150) }
    }

    @Test("finds the id of a frame it passed over only where it surely is the packet's own")
    func skippedIDs() throws {
        let padding = String(repeating: " ", count: 100)
        let cases: [(tail: String, id: String?)] = [
            ("\"response\":1,\"id\":\"a1\"}", "\"a1\""), ("\"response\":1,\"id\":7 } ", "7"),
            // Another member's, at the end of a nested object.
            ("\"id\":\"outer\",\"response\":{\"id\":\"inner\"}}", nil),
            // Text that looks like one, in a string.
            ("\"id\":1,\"response\":\",\\\"id\\\":\\\"2\\\"\"}", nil),
            ("\"data\":1}", nil), ("\"id\":{\"a\":1}}", nil), ("\"id\":\"with \\\\ escape\"}", nil),
        ]
        for (tail, id) in cases {
            let body = Array("{\(padding)\(tail)".utf8)
            let seen = try Self.skipping([framed(body)], limit: 50, skipLimit: 1000)
            #expect(seen == ["skipped \(body.count) \(id ?? "?")"], "\(tail)")
        }
    }

    @Test("gives up a partial frame when it is told to, keeps nothing of it, and tells whose it was")
    func givenUp() throws {
        let body = "{\"pattern\":\"p\",\"data\":\"" + String(repeating: "x", count: 5000) + "\",\"id\":\"9\"}"
        let bytes = framed(Array(body.utf8)) + Array("2#{}".utf8)
        var decoder = FrameDecoder()
        decoder.append(ByteBuffer(bytes: bytes[..<4000]))
        let early = try decoder.nextFrame()
        #expect(early == nil && decoder.keptBytes >= 3900)
        decoder.skipPartialFrame()
        #expect(decoder.keptBytes == 0 && decoder.hasPartialFrame)
        decoder.append(ByteBuffer(bytes: bytes[4000...]))
        guard case .skipped(let skipped)? = try decoder.nextFrame() else {
            Issue.record("the frame was not given up")
            return
        }
        #expect(skipped.id.map { String(buffer: $0) } == "\"9\"")
        guard case .text(let next)? = try decoder.nextFrame() else {
            Issue.record("the next frame was lost")
            return
        }
        #expect(String(buffer: next) == "{}")
    }
}
