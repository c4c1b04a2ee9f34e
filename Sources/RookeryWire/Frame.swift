package import NIOCore

/// A frame, as ``FrameDecoder`` returns it.
package enum Frame: Sendable, Hashable {
    /// `<length>#<JSON text>`: the text, in valid UTF-8.
    case text(ByteBuffer)
    /// A binary frame: its header, and the metadata and payload after it.
    case binary(BinaryHeader, ByteBuffer)
    /// A frame that the decoder skipped, because it is over a limit or memory was short.
    case skipped(SkippedFrame)
}
