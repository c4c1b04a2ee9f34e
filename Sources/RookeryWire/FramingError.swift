/// Why a byte stream is not, or no longer, a sequence of frames. Nothing after it can be trusted.
package enum FramingError: Error, Hashable, CustomStringConvertible {
    /// A byte that can start no frame: not a digit, not white space.
    case unexpectedByte(UInt8)
    /// The first byte says binary frame, from a peer with which none were agreed.
    case binaryNotNegotiated
    /// More than ten digits.
    case lengthTooLong
    /// A length of zero: no JSON text is empty.
    case emptyFrame
    /// More bytes, or units, than the limit; `declared` is the length in UTF-16 units, of a binary frame in bytes.
    case frameTooLarge(declared: Int, limit: Int)
    /// The length ends between the two halves of a surrogate pair.
    case cutsSurrogatePair
    /// The body is not JSON.
    case notJSON(MalformedValue)
    /// A binary frame that contradicts itself, or what was agreed; says how.
    case damagedFrame(String)

    /// Says what was wrong, without any of the peer's text.
    package var description: String {
        switch self {
        case .unexpectedByte(let byte):
            "expected the digits of a frame's length, got byte 0x\(String(byte, radix: 16, uppercase: true))"
        case .binaryNotNegotiated: "a binary frame, but none were negotiated"
        case .lengthTooLong: "a frame length of more than 10 digits"
        case .emptyFrame: "a frame of length 0"
        case .frameTooLarge(let declared, let limit):
            "a frame of length \(declared) is over the limit of \(limit) bytes"
        case .cutsSurrogatePair: "a frame length that cuts a surrogate pair"
        case .notJSON(let error): "a frame body that is not JSON: \(error)"
        case .damagedFrame(let how): "a binary frame of which \(how)"
        }
    }
}
