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
}
