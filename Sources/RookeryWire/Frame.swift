package import NIOCore

/// A frame, as the decoder cuts it.
package enum Frame: Sendable, Hashable {
    /// `<length>#<JSON text>`: the text, valid UTF-8.
    case text(ByteBuffer)
    /// A binary frame: its header, and the metadata and payload that follow.
    case binary(BinaryHeader, ByteBuffer)
    /// A frame that was passed over, because it is over a limit or there was no memory for it.
    case skipped(SkippedFrame)
}
