import NIOCore
import PetProContracts
import Rookery
import RookeryCore
import RookeryWire

/// What reads bytes of peers. Each takes any bytes at all, and stops the program when a promise is broken.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// The frame decoder, text and binary, whatever the slices in which the bytes come.
    case frames
    /// The JSON reader and writer.
    case json
    /// The MessagePack reader and writer.
    case messagepack
    /// Inflating compressed payloads.
    case inflate
    /// Packets of text: their scan, pattern, metadata, hello, proof and reply.
    case packets
    /// The messages of PetPro's contracts, in both formats.
    case messages
    /// Keys, keyrings and scopes.
    case keys

    /// Gives the target some bytes.
    package func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .frames: Self.frames(bytes)
        case .json: Self.values(bytes, .json)
        case .messagepack: Self.values(bytes, .messagePack)
        case .inflate: Self.inflate(bytes)
        case .packets: Self.packets(bytes)
        case .messages: Self.messages(bytes)
        case .keys: Self.keys(bytes)
        }
    }

    private static func require(_ isKept: Bool, _ promise: String) {
        if !isKept { fatalError("broken promise: \(promise)") }
    }

    // MARK: Frames

    /// What a decoder makes of bytes: its frames, and how it ended.
    private static func decoded(_ bytes: UnsafeRawBufferPointer, slice: Int) -> [String] {
        var decoder = FrameDecoder(frameLimit: 4096, skipLimit: 65_536)
        decoder.acceptsBinary = true
        var seen: [String] = []
        var at = 0
        do {
            while at < bytes.count {
                let end = min(at + slice, bytes.count)
                decoder.append(ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: bytes[at..<end])))
                at = end
                while let frame = try decoder.nextFrame() {
                    switch frame {
                    case .text(let body): seen.append("text \(String(buffer: body))")
                    case .binary(let header, let body):
                        require(body.readableBytes <= 4096, "a frame is within the limit")
                        seen.append("binary \(header.id) \(body.readableBytes)")
                    case .skipped(let frame): seen.append("skipped \(frame.declared)")
                    }
                }
            }
        } catch {
            seen.append("\(error)")
        }
        return seen
    }

    private static func frames(_ bytes: UnsafeRawBufferPointer) {
        let whole = decoded(bytes, slice: max(1, bytes.count))
        for slice in [1, 7] {
            require(decoded(bytes, slice: slice) == whole, "frames do not depend on the slices in which bytes come")
        }
    }

    // MARK: Values

    private static func values(_ bytes: UnsafeRawBufferPointer, _ format: ValueFormat) {
        guard let value = try? JSONValue(bytes, format: format) else { return }
        let written = value.bytes(as: format)
        guard let again = try? written.withUnsafeBytes({ try JSONValue($0, format: format) }) else {
            return require(false, "what is written can be read")
        }
        require(again.bytes(as: format) == written, "reading what is written changes nothing")
    }

    private static func inflate(_ bytes: UnsafeRawBufferPointer) {
        let limit = 65_536
        let compression = Compression()
        if let original = try? compression.decompress(bytes, limit: limit) {
            require(original.readableBytes <= limit, "no more is inflated than the limit")
            require(original.readableBytes <= Compression.ratioLimit * bytes.count, "nor more than the ratio")
        }
        guard let small = compression.deflated(bytes) else { return }
        let again = small.withUnsafeBytes { try? compression.decompress($0, limit: max(limit, bytes.count)) }
        if let again { require(Array(again.readableBytesView) == Array(bytes), "what was deflated inflates to itself") }
    }

    // MARK: Packets

    private static func packets(_ bytes: UnsafeRawBufferPointer) {
        let body = ByteBuffer(bytes: bytes)
        _ = BinaryMetadata.read(bytes)
        guard let scan = try? PacketScan(body) else { return }
        let routes = RouteTable(["ping", #"{"cmd":"get-booking"}"#, "$rookery.health"])
        if scan.pattern.isPresent { body.withBytes(of: scan.pattern) { _ = routes.lookUp(received: $0) } }
        for range in [scan.pattern, scan.data, scan.metadata, scan.id, scan.response] where range.isPresent {
            guard let value = try? body.value(of: range) else { continue }
            if let pattern = Pattern(value) {
                require(Pattern(pattern.value)?.route == pattern.route, "a pattern's normal form is its own")
            }
            if let hello = Hello(value) { require(Hello(hello.jsonValue) == hello, "a hello is what it writes") }
            if let proof = HelloProof(value) { require(HelloProof(proof.jsonValue) == proof, "so is a proof") }
            if let reply = HelloReply(value) { require(HelloReply(reply.jsonValue) == reply, "so is a reply") }
            let error = RemoteError(payload: value)
            _ = (error.code, error.message, error.description)
        }
        _ = ReplyPacket(scan, in: body)
    }

    // MARK: Messages

    private static func messages(_ bytes: UnsafeRawBufferPointer) {
        guard let first = bytes.first else { return }
        let rest = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        let format: ValueFormat = first & 1 == 0 ? .json : .messagePack
        switch first >> 1 & 7 {
        case 0: message(CreateBooking.self, rest, format)
        case 1: message(CreateUser.self, rest, format)
        case 2: message(CreateVendor.self, rest, format)
        case 3: message(CreateProduct.self, rest, format)
        case 4: message(SetVendorHours.self, rest, format)
        case 5: message(WatchInventoryChanges.self, rest, format)
        case 6: message(VendorAvailability.self, rest, format)
        default: message(Booking.self, rest, format)
        }
    }

    private static func message<Value: Message>(
        _: Value.Type, _ bytes: UnsafeRawBufferPointer, _ format: ValueFormat
    ) {
        do {
            let value = try Value.decode(Array(bytes), format: format)
            let written = value.bytes(as: format)
            let again = try Value.decode(written, format: format)
            require(again.bytes(as: format) == written, "a message that is taken is taken again as it is written")
            _ = "\(value)"
        } catch let error as InvalidPayload {
            require(!error.violations.isEmpty, "a refusal names what is wrong")
        } catch is MalformedValue {
            // Not a value of the format.
        } catch {
            require(false, "a message is refused with violations: \(error)")
        }
    }

    // MARK: Keys

    private static func keys(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        if let key = try? ServiceKey(text) { require(key.text == text, "a key is the text that it was read from") }
        _ = ServiceKey.id(of: text)
        if let scope = KeyScope(text) { require(KeyScope(scope.description) == scope, "a scope is what it writes") }
        guard let value = try? JSONValue(bytes, format: .json), let keyring = try? Keyring(value) else { return }
        require((try? Keyring(keyring.jsonValue)) == keyring, "a keyring is what it writes")
    }
}
