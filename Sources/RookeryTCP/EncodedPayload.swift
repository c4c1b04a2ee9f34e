import RookeryCore
import RookeryWire

/// A payload that was written on another thread than the connection's.
struct EncodedPayload: Sendable {
    let bytes: [UInt8]
    let serializer: String
    /// Its compressed form, once that has been tried.
    var compression = CompressionOutcome.notTried

    enum CompressionOutcome: Sendable {
        case notTried
        case notWorthIt
        case compressed([UInt8])
    }

    /// Tries to compress it. Takes a while for a large one: not on an event loop.
    mutating func compress() {
        let small = bytes.withUnsafeBytes { Compression().compress($0) }
        compression = small.map { .compressed($0) } ?? .notWorthIt
    }
}
