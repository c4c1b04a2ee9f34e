import Foundation
import NIOCore
import RookeryWire
import Testing

@Suite("A binary frame")
struct BinaryFrameTests {
    /// The examples of `docs/wire.md`: lines of hex behind a name, in the block that begins with `frames`.
    private func examples() throws -> [(name: String, bytes: [UInt8])] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/wire.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```frames\n").dropFirst().first)
        return block.components(separatedBy: "```")[0].split(separator: "\n").map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (String(parts[0]), bytes(hex: parts[1].filter { !$0.isWhitespace }))
        }
    }

    private func frame(_ bytes: some Sequence<UInt8>) throws -> (BinaryHeader, [UInt8])? {
        var decoder = FrameDecoder()
        decoder.acceptsBinary = true
        decoder.append(ByteBuffer(bytes: bytes))
        guard case .binary(let header, let body)? = try decoder.nextFrame() else { return nil }
        #expect(!decoder.hasPartialFrame)
        return (header, Array(body.readableBytesView))
    }

    @Test("is what the documentation says, example by example, both ways")
    func documented() throws {
        var seen: Set<String> = []
        for (name, bytes) in try examples() {
            let (header, body) = try #require(try frame(bytes), "\(name)")
            var writer = ValueWriter()
            let start = writer.beginBinaryFrame()
            body.withUnsafeBytes { writer.append($0) }
            writer.endBinaryFrame(start, header)
            #expect(writer.bytes == bytes, "\(name)")
            let payload = body.dropFirst(Int(header.metadataLength))
            switch name {
            case "request":
                #expect(header.kind == .request && header.id == 7 && header.pattern == 2 && header.amount == 5000)
                #expect(try JSONValue(payload, format: .json) == ["id": 1])
                let metadata = Array(body.prefix(Int(header.metadataLength))).withUnsafeBytes {
                    BinaryMetadata.read($0)
                }
                #expect(metadata == ["trace": "ab"])
            case "event": #expect(header.kind == .event && header.pattern == 3 && payload.elementsEqual("null".utf8))
            case "reply":
                #expect(header.kind == .value && header.flags == .last && header.id == 7 && header.serializer == 1)
                #expect(try JSONValue(payload, format: .messagePack) == ["id": 1, "total": 42.5])
            case "value": #expect(header.kind == .value && header.flags == [] && payload.elementsEqual("3".utf8))
            case "end": #expect(header.kind == .end && body.isEmpty)
            case "error":
                #expect(header.kind == .error)
                let error = try JSONValue(payload, format: .json)
                #expect(error["code"] == "BOOKING_NOT_FOUND")
            case "client-stream": #expect(header.kind == .request && header.flags == .clientStream && header.id == 8)
            case "client-value": #expect(header.kind == .value && header.flags == [] && header.id == 8)
            case "client-end": #expect(header.kind == .end && header.id == 8 && body.isEmpty)
            case "cancel": #expect(header.kind == .cancel && header.id == 7)
            case "credit": #expect(header.kind == .credit && header.amount == 97)
            case "ping": #expect(header.kind == .ping && header.id == 9)
            case "pong": #expect(header.kind == .pong && header.id == 9)
            case "go-away": #expect(header.kind == .goAway)
            default: Issue.record("an example that no check is for: \(name)")
            }
            seen.insert(name)
        }
        #expect(seen.count == BinaryHeader.Kind.allCases.count + 4)
    }

    @Test("comes out whole however it is sliced, among frames of text")
    func sliced() throws {
        var writer = ValueWriter()
        let start = writer.beginBinaryFrame()
        Array("payload".utf8).withUnsafeBytes { writer.append($0) }
        writer.endBinaryFrame(start, BinaryHeader(.value, id: 1))
        let stream = Array("4#null".utf8) + writer.bytes + Array(" 2#{}".utf8) + writer.bytes
        for first in 1..<stream.count {
            var decoder = FrameDecoder()
            decoder.acceptsBinary = true
            var frames: [String] = []
            for part in [stream[..<first], stream[first...]] {
                decoder.append(ByteBuffer(bytes: part))
                while let frame = try decoder.nextFrame() {
                    switch frame {
                    case .text(let body): frames.append(String(buffer: body))
                    case .binary(let header, let body): frames.append("\(header.id):\(String(buffer: body))")
                    case .skipped: Issue.record("nothing is passed over here")
                    }
                }
            }
            #expect(frames == ["null", "1:payload", "{}", "1:payload"], "cut at \(first)")
        }
    }

    @Test("from a peer that agreed on none is a framing error, and so is one over the limit or that contradicts itself")
    func refused() throws {
        var header = BinaryHeader(.request, id: 1)
        func bytes() -> [UInt8] {
            var writer = ValueWriter()
            writer.binaryFrame(header)
            return writer.bytes
        }
        var plain = FrameDecoder()
        plain.append(ByteBuffer(bytes: bytes()))
        #expect(throws: FramingError.binaryNotNegotiated) { try plain.nextFrame() }

        header.metadataLength = 1
        #expect(throws: FramingError.self) { try frame(bytes()) }

        var large = bytes()
        large.replaceSubrange(8..<12, with: [0xFF, 0xFF, 0xFF, 0x7F])
        #expect(throws: FramingError.frameTooLarge(declared: 0x7FFF_FFFF, limit: FrameDecoder.defaultFrameLimit)) {
            try frame(large)
        }
    }

    @Test("of a later version keeps its length, so that it can be passed over")
    func laterVersion() throws {
        var header = BinaryHeader(.request, id: 1)
        header.code = 0xF0
        var writer = ValueWriter()
        writer.binaryFrame(header)
        let (read, _) = try #require(try frame(writer.bytes))
        #expect(read.kind == nil && read.code == 0xF0)
    }
}

@Suite("A hello")
struct HelloTests {
    private let hello = Hello(serializers: ["cbor", "messagepack", "json"], compressions: ["zstd", "deflate"])

    private func reply(to hello: Hello) -> HelloReply {
        HelloReply(
            to: hello, name: "booking", instance: "x", serializers: ["json", "messagepack"], compressions: ["deflate"],
            patterns: ["a", "b"], frameLimit: 1000)
    }

    @Test("agrees on what both have, in the client's order, and passes over what it does not know")
    func agrees() {
        let reply = reply(to: hello)
        #expect(reply.serializers == ["messagepack", "json"] && reply.compressions == ["deflate"])
        #expect(HelloReply(reply.jsonValue) == reply && Hello(hello.jsonValue) == hello)
    }

    @Test("of a later version, with members nobody knows, is answered in this one")
    func laterVersion() throws {
        let later = try #require(
            Hello(["version": 9, "features": ["cancel", "quantum"], "serializers": ["json"], "x": 1]))
        let reply = reply(to: later)
        #expect(reply.version == 1 && reply.features == ["cancel"])
    }

    @Test("that is none, and a reply that agrees on nothing, are no agreement")
    func none() {
        #expect(Hello(["serializers": ["json"]]) == nil && Hello("hello") == nil)
        #expect(
            HelloReply(["version": 1, "serializers": []]) == nil
                && HelloReply(["version": 2, "serializers": ["json"]]) == nil)
    }
}

@Suite("Compression")
struct CompressionTests {
    private let compression = Compression()
    private let text = Array((0..<1000).map { #"{"id":\#($0),"status":"confirmed"}"# }.joined(separator: ",").utf8)

    private func compressed(_ bytes: [UInt8]) -> [UInt8]? { bytes.withUnsafeBytes { compression.compress($0) } }

    @Test("gives back what it was given, again and again")
    func roundTrip() throws {
        for _ in 0..<3 {
            let small = try #require(compressed(text))
            #expect(small.count < text.count / 4)
            let whole = try small.withUnsafeBytes { try compression.decompress($0, limit: 1 << 20) }
            #expect(Array(whole.readableBytesView) == text)
        }
    }

    @Test("is left out when it saves less than a tenth, and for payloads that are small")
    func worthIt() {
        var generator = SystemRandomNumberGenerator()
        #expect(compressed((0..<20_000).map { _ in UInt8.random(in: 0...255, using: &generator) }) == nil)
        var writer = ValueWriter()
        Array(text.prefix(Compression.threshold - 1)).withUnsafeBytes { writer.append($0) }
        let wasWorthIt = writer.compress(from: 0, compression)
        #expect(!wasWorthIt)
    }

    /// 10 MiB of zeros are 10 KiB when deflated; made by hand, because our own side would not.
    @Test("refuses a bomb before it takes memory for it, whatever length the bomb declares")
    func bomb() throws {
        let zeros = [UInt8](repeating: 0, count: 10 << 20)
        #expect(compressed(zeros) == nil)
        let bomb = try #require(zeros.withUnsafeBytes { compression.deflated($0) })
        #expect(bomb.count < 50_000)
        func fault(_ bytes: [UInt8], limit: Int = 8 << 20) -> Compression.Fault? {
            do {
                _ = try bytes.withUnsafeBytes { try compression.decompress($0, limit: limit) }
                return nil
            } catch {
                return error as? Compression.Fault
            }
        }
        #expect(fault(bomb) == .tooLarge(original: 10 << 20, limit: (bomb.count - 4) * Compression.ratioLimit))
        #expect(fault(bomb, limit: 64 << 20) != nil)
        // It lies about its length: inflating stops where it said the end would be.
        var liar = bomb
        liar.replaceSubrange(0..<4, with: [0, 4, 0, 0])
        #expect(fault(liar) == .damaged)
        for cut in [0, 4, 5, bomb.count / 2, bomb.count - 1] {
            var part = Array(bomb.prefix(cut))
            if part.count >= 4 { part.replaceSubrange(0..<4, with: [64, 0, 0, 0]) }
            #expect(fault(part) == .damaged, "\(cut)")
        }
        // And goes on working.
        #expect(compressed(text) != nil)
    }
}

@Suite("The pending table")
struct PendingTableTests {
    @Test("does what a dictionary would, over many random steps")
    func model() {
        let seed = UInt64.random(in: 0 ... .max)
        var state = seed
        func random(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % below
        }
        var table = PendingTable<Int>(capacity: 16)
        var model: [UInt64: Int] = [:]
        var retired: [UInt64] = []
        for step in 0..<200_000 {
            switch random(5) {
            case 0, 1:
                let id = table.insert(step)
                #expect(model[id] == nil && id != 0, "seed \(seed)")
                model[id] = step
            case 2, 3:
                guard let id = model.keys.randomElement() else { continue }
                #expect(table[id] == model[id] && table.remove(id) == model.removeValue(forKey: id), "seed \(seed)")
                retired.append(id)
            default:
                if let id = retired.last { #expect(table[id] == nil && table.remove(id) == nil, "seed \(seed)") }
            }
            if table.count != model.count { Issue.record("seed \(seed), step \(step)") }
        }
        #expect(Set(table.removeAll()) == Set(model.values) && table.count == 0)
    }
}

@Suite("A credit window")
struct CreditWindowTests {
    @Test("gives what was granted, no more, and saves up nothing endless")
    func window() {
        var window = CreditWindow(2)
        func taken(_ attempts: Int) -> Int { (0..<attempts).count { _ in window.take() } }
        #expect(taken(3) == 2)
        window.granted(1)
        #expect(taken(2) == 1)
        window.granted(-5)
        #expect(taken(1) == 0)
        for _ in 0..<4 { window.granted(.max / 2) }
        #expect(window.available == 1 << 30)
    }
}
