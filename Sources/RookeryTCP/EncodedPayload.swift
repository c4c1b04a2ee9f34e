import RookeryCore
import RookeryWire

/// A payload that is encoded, but not written to its connection yet.
struct EncodedPayload: Sendable {
    let bytes: [UInt8]
    let serializer: String
    /// The outcome of compressing it.
    var compression = CompressionOutcome.notTried

    enum CompressionOutcome: Sendable {
        case notTried
        case notWorthIt
        case compressed([UInt8])
    }

    /// Tries to compress the payload. This is slow for a large one, so do not call it on an event loop.
    mutating func compress() {
        let small = bytes.withUnsafeBytes { Compression().compress($0) }
        compression = small.map { .compressed($0) } ?? .notWorthIt
    }
}
