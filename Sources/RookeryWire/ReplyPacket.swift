package import NIOCore

/// A reply packet, classified as a Nest client does.
package enum ReplyPacket: Sendable, Hashable {
    /// A value, and whether it is the last one. An absent range stands for JavaScript's `undefined`.
    case value(ByteRange, isLast: Bool)
    /// The end of the reply, without a value.
    case end
    /// The call failed. The range is the value of `err`.
    case failure(ByteRange)
    /// A packet with none of `response`, `err` and `isDisposed`. The packet itself is the value, and the last one.
    case foreign

    /// Classifies a scanned packet that has an id.
    package init(_ scan: PacketScan, in body: ByteBuffer) {
        let failed = scan.err.isPresent && body.withBytes(of: scan.err, Self.isTruthy)
        let disposed = scan.isDisposed.isPresent && body.withBytes(of: scan.isDisposed, Self.isTruthy)
        if failed {
            self = .failure(scan.err)
        } else if !scan.err.isPresent, !scan.response.isPresent, !scan.isDisposed.isPresent {
            self = .foreign
        } else if scan.response.isPresent {
            self = .value(scan.response, isLast: disposed)
        } else {
            self = disposed ? .end : .value(.absent, isLast: false)
        }
    }

    private static func isTruthy(_ json: UnsafeRawBufferPointer) -> Bool {
        switch json[0] {
        case UInt8(ascii: "t"), UInt8(ascii: "{"), UInt8(ascii: "["): return true
        case UInt8(ascii: "n"), UInt8(ascii: "f"): return false
        case UInt8(ascii: "\""): return json.count > 2
        default:
            var reader = ValueReader(json)
            guard let number = try? reader.readNumber() else { return false }
            switch number {
            case .int(let value): return value != 0
            case .uint: return true
            case .double(let value): return value != 0
            }
        }
    }
}
