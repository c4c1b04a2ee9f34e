/// The reason why a byte stream is not a valid sequence of frames. The receiver must discard everything after it.
package enum FramingError: Error, Hashable, CustomStringConvertible {
    /// A byte that cannot be part of a frame's length: not a digit, nor white space before the first digit.
    case unexpectedByte(UInt8)
    /// A first byte of 0x80 or above, from a peer that has not negotiated binary frames.
    case binaryNotNegotiated
    /// A length of more than ten digits.
    case lengthTooLong
    /// A length of 0. No JSON text is empty.
    case emptyFrame
    /// A frame over the limit. `declared` is in UTF-16 units for text and in bytes for a binary frame; `limit` is in
    /// bytes.
    case frameTooLarge(declared: Int, limit: Int)
    /// The length ends between the two halves of a surrogate pair.
    case cutsSurrogatePair
    /// The body is not JSON.
    case notJSON(MalformedValue)
    /// A binary frame that contradicts itself or the negotiated terms. The text says how.
    case damagedFrame(String)

    /// Describes the error, without any of the peer's text.
    package var description: String {
        switch self {
        case .unexpectedByte(let byte):
            "expected the digits of a frame's length, got byte 0x\(String(byte, radix: 16, uppercase: true))"
                // An alert or a handshake of TLS begins with these.
                + (byte == 0x15 || byte == 0x16 ? "; the peer expects TLS" : "")
        case .binaryNotNegotiated: "a binary frame, but none were negotiated"
        case .lengthTooLong: "a frame length of more than 10 digits"
        case .emptyFrame: "a frame of length 0"
        case .frameTooLarge(let declared, let limit):
            "a frame of length \(declared) is over the limit of \(limit) bytes"
        case .cutsSurrogatePair: "a frame length that cuts a surrogate pair"
        case .notJSON(let error): "a frame body that is not JSON: \(error)"
        case .damagedFrame(let how): "a damaged binary frame: \(how)"
        }
    }
}
