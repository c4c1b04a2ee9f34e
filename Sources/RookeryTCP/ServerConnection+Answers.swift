import Logging
import NIOCore
import RookeryCore
import RookeryWire

// Encoding of answers into the burst's buffer.
extension ServerConnection {
    /// Writes a text frame into the burst's buffer. On the loop.
    func write(_ body: (inout ValueWriter) -> Void) { write(limit: .max, body) }

    /// Writes a text frame. If its body has more than `limit` bytes, discards the frame and returns false. On the loop.
    @discardableResult
    func write(limit: Int, _ body: (inout ValueWriter) -> Void) -> Bool {
        guard context != nil else { return true }
        let mark = writer.beginFrame()
        body(&writer)
        guard writer.count - mark.bodyStart <= limit else {
            writer.abandonFrame(mark)
            return false
        }
        writer.endFrame(mark)
        settleSoon()
        return true
    }

    /// Writes a binary frame that is only a header. On the loop.
    func write(_ header: BinaryHeader) {
        guard context != nil else { return }
        writer.binaryFrame(header)
        settleSoon()
    }

    /// Writes a small binary frame with a payload, such as an error. On the loop.
    func write(_ value: JSONValue, _ header: BinaryHeader) { writeValue(value, header, compressing: false) { _ in } }

    /// Writes the reply of a request, or an error if the reply is over the peer's limit. On the loop.
    func write<Value: MessageValue>(_ value: Value, _ header: BinaryHeader, of request: ServerRequest) {
        let outcome = writeValue(value, header, compressing: true) { _ in
            request.isPostponed = false
            if request.hasReturned { self.finished(request) }
        }
        switch outcome {
        case .written: break
        case .elsewhere: request.isPostponed = true
        case .tooLarge:
            let error = RemoteError.replyTooLarge(limit: peerFrameLimit)
            write(error.payload, BinaryHeader(.error, id: header.id, header.serializer))
        }
    }

    /// Writes a value of a stream. Returns when the value is in the buffer, so that values keep their order. Returns
    /// false if the value is over the peer's limit. On the loop.
    func writeValue<Value: MessageValue>(_ value: Value, _ header: BinaryHeader) async throws -> Bool {
        if !mayCompressElsewhere(Value.self) {
            return writeValue(value, header, compressing: true) { _ in } != .tooLarge
        }
        var outcome = Outcome.written
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            outcome = writeValue(value, header, compressing: true) { _ in continuation.resume() }
            if outcome != .elsewhere { continuation.resume() }
        }
        return outcome != .tooLarge
    }

    private enum Outcome {
        case written
        /// Another thread compresses the value.
        case elsewhere
        /// The value is over the peer's limit and was discarded.
        case tooLarge
    }

    private func mayCompressElsewhere<Value: MessageValue>(_: Value.Type) -> Bool {
        (negotiated?.compresses ?? false) && Value._allowsCompression
    }

    /// Writes a binary frame with a payload. Another thread compresses a large payload, and `done` runs once that frame
    /// is in the buffer.
    @discardableResult
    private func writeValue<Value: MessageValue>(
        _ value: Value, _ header: BinaryHeader, compressing: Bool, done: @escaping (ServerConnection) -> Void
    ) -> Outcome {
        guard context != nil, let negotiated else { return .written }
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
            // An error without a payload: the caller reports an internal server error.
            write(BinaryHeader(.error, id: header.id))
            return .written
        }
        let payload = start + BinaryHeader.size
        // The limit applies to the uncompressed size.
        guard writer.count - payload <= peerFrameLimit else {
            writer.abandonBinaryFrame(start)
            return .tooLarge
        }
        if compressing, mayCompressElsewhere(Value.self) {
            if writer.count - payload >= PayloadPool.threshold {
                let bytes = writer.withUnsafeBytes(from: payload) { Array($0) }
                writer.abandonBinaryFrame(start)
                compressElsewhere(bytes, header, done)
                return .elsewhere
            }
            if writer.compress(from: payload, executor.compression) { header.flags.insert(.compressed) }
        }
        writer.endBinaryFrame(start, header)
        settleSoon()
        return .written
    }

    private func compressElsewhere(
        _ bytes: [UInt8], _ header: BinaryHeader, _ done: @escaping (ServerConnection) -> Void
    ) {
        memory.add(elsewhere: bytes.count, shared.memory, entry.peer)
        let finish = LoopBound(done)
        PayloadPool.compress(bytes, executor.eventLoop) { small in
            self.memory.add(elsewhere: -bytes.count, self.shared.memory, self.entry.peer)
            self.executor.beginBurst()
            if self.context != nil {
                var header = header
                let start = self.writer.beginBinaryFrame()
                if small != nil { header.flags.insert(.compressed) }
                (small ?? bytes).withUnsafeBytes { self.writer.append($0) }
                self.writer.endBinaryFrame(start, header)
                self.settleSoon()
            }
            finish.value(self)
            self.executor.drain()
        }
    }
}

/// A value that one event loop makes and uses, and that other threads only hand on.
struct LoopBound<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
