import NIOCore
import RookeryCore
import RookeryWire

// A call's bytes, as text or as a binary frame.
extension ClientLink {
    func encode(_ pending: PendingCall) throws {
        guard let call = pending.call else {
            if case .binary = agreement { return tell(.ping, pending.id) }
            return writeHello(pending)
        }
        if case .binary(let negotiated) = agreement, let number = negotiated.patterns[call.command.pattern.route] {
            return try encode(pending, call, negotiated, number)
        }
        // Binary or not, a pattern that the server did not name goes as text, and is answered so.
        let mark = writer.beginFrame()
        let encoded = pending.encoded.flatMap { $0.serializer == ValueFormat.json.name ? $0.bytes : nil }
        writer.write(call, id: pending.id, metadata: metadata(for: call), encoded: encoded)
        guard writer.count - mark.bodyStart <= configuration.frameLimit else {
            writer.abandonFrame(mark)
            throw tooLarge(pending, configuration.frameLimit)
        }
        writer.endFrame(mark)
    }

    private func encode(
        _ pending: PendingCall, _ call: OutgoingCall, _ negotiated: Negotiated, _ pattern: UInt16
    ) throws {
        var header = BinaryHeader(call.command.kind == .event ? .event : .request, id: pending.id)
        header.pattern = pattern
        header.serializer = negotiated.number(
            of: pending.encoded?.serializer ?? configuration.serializers.name(for: call.command))
        if call.command.kind == .request { header.amount = milliseconds(left: call.deadline) }
        let start = writer.beginBinaryFrame()
        if !call.metadata.isEmpty { header.metadataLength = writer.binaryMetadata(call.metadata) }
        let payloadStart = writer.count
        do {
            let codec = try negotiated.codec(header.serializer)
            if let encoded = pending.encoded, negotiated.reply.serializers[Int(header.serializer)] == encoded.serializer
            {
                encoded.bytes.withUnsafeBytes { writer.append($0) }
            } else {
                try writer.payload(call.payload, codec)
            }
        } catch {
            writer.abandonBinaryFrame(start)
            throw CallError(.invalidCall, "The message of \(pending.name) cannot be written: \(error)")
        }
        // The limit is about what the message is, not about how well it compresses.
        let limit = min(configuration.frameLimit, negotiated.reply.frameLimit)
        guard writer.count - start - BinaryHeader.size <= limit else {
            writer.abandonBinaryFrame(start)
            throw tooLarge(pending, limit)
        }
        if negotiated.compresses, configuration.compresses, call.payload.isCompressible,
            writer.compress(from: payloadStart, executor.compression)
        {
            header.flags.insert(.compressed)
        }
        writer.endBinaryFrame(start, header)
    }

    private func tooLarge(_ pending: PendingCall, _ limit: Int) -> CallError {
        CallError(.invalidCall, "The message of \(pending.name) is over the frame limit of \(limit) bytes.")
    }

    /// At least 1, since a deadline of 0 is none; rounded up, so that the caller's own timer is the first.
    private func milliseconds(left deadline: NIODeadline) -> UInt32 {
        UInt32(clamping: max(1, ((deadline - .now()).nanoseconds + 999_999) / 1_000_000))
    }

    private func metadata(for call: OutgoingCall) -> [String: String] {
        guard configuration.sendsMetadata else { return [:] }
        var metadata = call.metadata
        metadata[MessageContext.timeoutKey] = String(max(0, (call.deadline - .now()).nanoseconds / 1_000_000))
        return metadata
    }
}
