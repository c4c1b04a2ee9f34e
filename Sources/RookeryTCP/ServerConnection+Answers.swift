import Logging
import NIOCore
import RookeryCore
import RookeryWire

// What is written into the burst's buffer.
extension ServerConnection {
    /// Writes a frame of text into the burst's buffer. On the loop.
    func write(_ body: (inout ValueWriter) -> Void) {
        guard context != nil else { return }
        let mark = writer.beginFrame()
        body(&writer)
        writer.endFrame(mark)
        settleSoon()
    }

    /// Writes a binary frame that is only a header. On the loop.
    func write(_ header: BinaryHeader) {
        guard context != nil else { return }
        writer.binaryFrame(header)
        settleSoon()
    }

    /// Writes a binary frame with a payload. On the loop.
    func write<Value: MessageValue>(_ value: Value, _ header: BinaryHeader) {
        guard context != nil, let negotiated else { return }
        var header = header
        let start = writer.beginBinaryFrame()
        do {
            if let format = negotiated.format(header.serializer) {
                writer.payload(value, format)
            } else {
                try writer.payload(value, try negotiated.codec(header.serializer))
            }
        } catch {
            shared.logger.error("a serializer failed", metadata: ["error": "\(String(reflecting: error))"])
            writer.abandonBinaryFrame(start)
            // An error without a payload: the one that says nothing.
            return write(BinaryHeader(.error, id: header.id))
        }
        if negotiated.compresses, Value.allowsCompression,
            writer.compress(from: start + BinaryHeader.size, executor.compression)
        {
            header.flags.insert(.compressed)
        }
        writer.endBinaryFrame(start, header)
        settleSoon()
    }
}
