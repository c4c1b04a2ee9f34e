import NIOCore
import RookeryCore
import RookeryWire
import RookeryPolicies

// Encoding of calls, as text or as binary frames.
extension ClientLink {
    /// Writes a call's frame into the buffer. Returns false if another thread compresses the payload first.
    ///
    /// - Throws: ``RookeryCore/CallError`` with the code `invalidCall` if the message cannot be encoded or is over a
    ///   limit.
    func encode(_ pending: PendingCall) throws -> Bool {
        guard let call = pending.call else {
            if case .proof(let proof) = pending.kind {
                write(HelloProof.pattern, proof.jsonValue, id: pending.id)
            } else if case .binary = agreement {
                tell(.ping, pending.id)
            } else {
                writeHello(pending)
            }
            return true
        }
        if case .binary(let negotiated) = agreement, let number = negotiated.patterns[call.command.pattern.route] {
            return try encode(pending, call, negotiated, number)
        }
        if pending.sender != nil {
            if case .binary = agreement { throw CallError.noHandler(call.command, address) }
            throw CallError.noClientStream(call.command, address)
        }
        // A pattern that the server did not list in its hello reply goes as text. Its answer comes as text, too.
        pending.isWithoutKey = call.command.idempotency == .keyed && !configuration.sendsMetadata
        let mark = writer.beginFrame()
        let encoded = pending.encoded.flatMap { $0.serializer == ValueFormat.json.name ? $0.bytes : nil }
        writer.write(call, id: pending.id, metadata: metadata(for: call), encoded: encoded)
        guard writer.count - mark.bodyStart <= configuration.frameLimit else {
            writer.abandonFrame(mark)
            throw tooLarge(pending, configuration.frameLimit)
        }
        writer.endFrame(mark)
        return true
    }

    private func encode(
        _ pending: PendingCall, _ call: Call, _ negotiated: Negotiated, _ pattern: UInt16
    ) throws -> Bool {
        var header = BinaryHeader(call.command.kind == .event ? .event : .request, id: pending.id)
        header.pattern = pattern
        header.serializer = negotiated.number(
            of: pending.encoded?.serializer ?? configuration.serializers.name(for: call.command))
        if pending.sender != nil {
            guard negotiated.takesClientStreams else { throw CallError.noClientStream(call.command, address) }
            header.flags.insert(.clientStream)
        }
        if !call.command.isStreaming, header.kind == .request {
            header.amount = milliseconds(left: call.deadlineInstant)
        }
        let start = writer.beginBinaryFrame()
        if !call.metadata.isEmpty || call.hasSpan {
            let length = call.withTraceparent { text in
                writer.binaryMetadata(call.metadata, own: text.map { (MetadataName.traceparent, $0) })
            }
            guard let length else {
                writer.abandonBinaryFrame(start)
                throw CallError(.invalidCall, "The metadata of \(pending.name) is over \(UInt16.max) bytes.")
            }
            header.metadataLength = length
        }
        let payloadStart = writer.count
        do {
            let codec = try negotiated.codec(header.serializer)
            if let encoded = pending.encoded, negotiated.reply.serializers[Int(header.serializer)] == encoded.serializer
            {
                encoded.bytes.withUnsafeBytes { writer.append($0) }
            } else {
                try writer.payload(call.message, codec)
            }
        } catch {
            writer.abandonBinaryFrame(start)
            throw CallError(.invalidCall, "The message of \(pending.name) cannot be encoded: \(error)")
        }
        // The limit applies to the uncompressed size.
        let limit = min(configuration.frameLimit, negotiated.reply.frameLimit)
        guard writer.count - start - BinaryHeader.size <= limit else {
            writer.abandonBinaryFrame(start)
            throw tooLarge(pending, limit)
        }
        if negotiated.compresses, configuration.compresses, call.message.allowsCompression {
            switch pending.encoded?.compression ?? .notTried {
            case .compressed(let small):
                writer.replacePayload(from: payloadStart, with: small)
                header.flags.insert(.compressed)
            case .notWorthIt: break
            case .notTried where writer.count - payloadStart >= PayloadPool.threshold:
                let bytes = writer.withUnsafeBytes(from: payloadStart) { Array($0) }
                writer.abandonBinaryFrame(start)
                let name = negotiated.reply.serializers[Int(header.serializer)]
                compressElsewhere(pending, EncodedPayload(bytes: bytes, serializer: name))
                return false
            case .notTried:
                if writer.compress(from: payloadStart, executor.compression) { header.flags.insert(.compressed) }
            }
        }
        writer.endBinaryFrame(start, header)
        return true
    }

    /// Compresses a large payload on another thread, then writes the call.
    private func compressElsewhere(_ pending: PendingCall, _ payload: EncodedPayload) {
        PayloadPool.compress(payload, executor.eventLoop) { payload in
            // The call may have been cancelled or have timed out meanwhile.
            guard self.pending[pending.id] === pending else { return }
            pending.encoded = payload
            self.write(pending)
            self.executor.drain()
        }
    }

    private func tooLarge(_ pending: PendingCall, _ limit: Int) -> CallError {
        CallError(.invalidCall, "The message of \(pending.name) is over the frame limit of \(limit) bytes.")
    }

    /// The time left until a deadline, in milliseconds, for a frame header. At least 1, because 0 means no deadline.
    /// Rounded up, so that the caller's own timer fires first.
    private func milliseconds(left deadline: NIODeadline) -> UInt32 {
        UInt32(clamping: max(1, ((deadline - .now()).nanoseconds + 999_999) / 1_000_000))
    }

    private func metadata(for call: Call) -> [String: String] {
        var metadata: [String: String] = [:]
        if configuration.sendsMetadata {
            metadata = call.sentMetadata
            metadata[MetadataName.timeout] = String(max(0, (call.deadlineInstant - .now()).nanoseconds / 1_000_000))
        }
        metadata[MetadataName.apiKey] = configuration.sendsKey ? key?.text : nil
        return metadata
    }
}
