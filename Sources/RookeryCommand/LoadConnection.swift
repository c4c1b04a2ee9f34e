import NIOCore
import Rookery

/// One connection of a load. Confined to its event loop.
///
/// It works below the client, frame by frame, and sends bytes encoded beforehand. So it costs less than the service it
/// measures.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let plan: LoadPlan
    private let recorder: Recorder
    private let compression = Compression()
    private var decoder = FrameDecoder(frameLimit: 64 * 1024 * 1024)
    private var writer = ValueWriter(capacity: 16 * 1024)
    /// The bytes of a text call up to its id, or the payload of a binary frame.
    private var template: [UInt8] = []
    private var header: BinaryHeader?
    /// When the call of each slot was sent, or was due in an open loop. A call's id is its slot's number plus 1.
    private var sentAt: [NIODeadline]
    /// For each slot, the stream values received since the connection last granted credit.
    private var uncredited: [Int]
    private var free: [Int]
    private var underWay = 0
    private var isEnding = false
    private var answered = 0
    private var nextDue = 0.0
    private var nextTick: Scheduled<Void>?

    init(_ plan: LoadPlan, _ recorder: Recorder) {
        self.plan = plan
        self.recorder = recorder
        sentAt = Array(repeating: .uptimeNanoseconds(0), count: plan.slots)
        uncredited = Array(repeating: 0, count: plan.slots)
        free = Array((0..<plan.slots).reversed())
    }

    func channelActive(context: ChannelHandlerContext) {
        guard let hello = plan.hello else { return begin(context, nil) }
        ask(context, Hello.pattern, hello.jsonValue)
    }

    private func ask(_ context: ChannelHandlerContext, _ pattern: String, _ data: JSONValue) {
        let mark = writer.beginFrame()
        Array(JSONValue.string(pattern).jsonText.utf8).withUnsafeBytes { writer.beginPacket(pattern: $0) }
        writer.verbatim(",\"data\":")
        data.write(to: &writer)
        writer.endRequest(id: 0)
        writer.endFrame(mark)
        flush(context)
    }

    /// Proves the plan's key. Returns false if there is none: the calls then go out, and are refused.
    private func proves(_ context: ChannelHandlerContext, _ challenge: HelloChallenge) -> Bool {
        guard let key = plan.key, let nonce = plan.hello?.nonce,
            let proof = try? key.proof(dialled: plan.service, client: nonce, server: challenge.nonce)
        else { return false }
        ask(context, HelloProof.pattern, proof.jsonValue)
        return true
    }

    private func begin(_ context: ChannelHandlerContext, _ reply: HelloReply?) {
        if let reply, let number = reply.patterns.firstIndex(of: plan.pattern.route),
            let serializer = reply.serializers.firstIndex(of: plan.format.name)
        {
            recorder.isBinary = true
            decoder.acceptsBinary = true
            var header = BinaryHeader(.request, id: 0)
            header.pattern = UInt16(clamping: number)
            header.serializer = UInt8(clamping: serializer)
            template = plan.data.bytes(as: plan.format)
            if plan.compresses, reply.compressions.contains(Compression.name), template.count >= Compression.threshold,
                let small = template.withUnsafeBytes({ compression.compress($0) })
            {
                template = small
                header.flags.insert(.compressed)
            }
            self.header = header
        } else {
            var packet = ValueWriter()
            Array(plan.pattern.value.jsonText.utf8).withUnsafeBytes { packet.beginPacket(pattern: $0) }
            packet.verbatim(",\"data\":")
            plan.data.write(to: &packet)
            // The text of a key goes only where --plain asks for it.
            if let key = plan.key, plan.hello == nil { packet.packetMetadata([MetadataName.apiKey: key.text]) }
            template = packet.bytes
        }
        let now = NIODeadline.now()
        switch plan.pace {
        case .closed:
            while !free.isEmpty, !isEnding { send(now, now) }
        case .open(let interval):
            // A random offset within the interval keeps the connections from sending in step.
            nextDue = Double(now.uptimeNanoseconds) + interval * Double.random(in: 0..<1)
            tick(context, interval)
        }
        flush(context)
    }

    private func tick(_ context: ChannelHandlerContext, _ interval: Double) {
        sendDue(interval)
        flush(context)
        guard !isEnding else { return }
        nextTick = context.eventLoop.assumeIsolated().scheduleTask(in: .microseconds(500)) {
            self.tick(context, interval)
        }
    }

    /// Sends every call that is due. A call that finds no free slot stays due.
    private func sendDue(_ interval: Double) {
        let now = NIODeadline.now()
        while !isEnding, !free.isEmpty, nextDue <= Double(now.uptimeNanoseconds) {
            send(.uptimeNanoseconds(UInt64(nextDue)), now)
            nextDue += interval
        }
    }

    private func send(_ intended: NIODeadline, _ now: NIODeadline) {
        if isEnding || now >= plan.end || !plan.counters.take() {
            isEnding = true
            nextTick?.cancel()
            return
        }
        guard let slot = free.popLast() else { return }
        sentAt[slot] = intended
        uncredited[slot] = 0
        underWay += 1
        let id = UInt64(slot + 1)
        if var header {
            header.id = id
            let start = writer.beginBinaryFrame()
            template.withUnsafeBytes { writer.append($0) }
            writer.endBinaryFrame(start, header)
        } else {
            let mark = writer.beginFrame()
            template.withUnsafeBytes { writer.verbatim($0) }
            writer.endRequest(id: id)
            writer.endFrame(mark)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        let now = NIODeadline.now()
        do {
            while let frame = try decoder.nextFrame() {
                switch frame {
                case .text(let body): try received(context, body, now)
                case .binary(let header, let body): received(header, body, now)
                // This decoder skips no frames: its `skipLimit` is 0.
                case .skipped: break
                }
            }
        } catch {
            recorder.failed(underWay, "\(error)")
            underWay = 0
            context.close(promise: nil)
        }
        plan.counters.add(answered: answered)
        answered = 0
    }

    func channelReadComplete(context: ChannelHandlerContext) { flush(context) }

    private func received(_ context: ChannelHandlerContext, _ body: ByteBuffer, _ now: NIODeadline) throws(FramingError)
    {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.id.isPresent, let id = body.withBytes(of: scan.id, Self.number) else { return }
        if id == 0 {
            // Without a valid hello reply, the load uses text frames.
            let value = (try? body.value(of: scan.response)).flatMap { $0 }
            if let challenge = value.flatMap({ HelloChallenge($0) }), proves(context, challenge) { return }
            return begin(context, value.flatMap { HelloReply($0) })
        }
        let slot = id - 1
        guard sentAt.indices.contains(slot) else { return }
        switch ReplyPacket(scan, in: body) {
        case .value(_, isLast: false): recorder.values += 1
        case .value, .foreign:
            recorder.values += 1
            done(slot, now)
        case .end: done(slot, now)
        // Only shows the error. An error that cannot be decoded counts too.
        case .failure(let range): failed(slot, now, (try? body.value(of: range))?.jsonText)
        }
    }

    private func received(_ frame: BinaryHeader, _ body: ByteBuffer, _ now: NIODeadline) {
        guard frame.id > 0, frame.id <= UInt64(sentAt.count) else { return }
        let slot = Int(frame.id - 1)
        switch frame.kind {
        case .value:
            recorder.values += 1
            if frame.flags.contains(.last) { return done(slot, now) }
            uncredited[slot] += 1
            guard uncredited[slot] >= BinaryHeader.initialCredit / 2 else { return }
            var credit = BinaryHeader(.credit, id: frame.id)
            credit.amount = UInt32(uncredited[slot])
            uncredited[slot] = 0
            writer.binaryFrame(credit)
        case .end: done(slot, now)
        case .error:
            // Only shows the error. An error that cannot be decoded counts too.
            let range = ByteRange(start: 0, count: body.readableBytes)
            failed(slot, now, (try? body.value(of: range, format: plan.format))?.jsonText)
        default: break
        }
    }

    private func done(_ slot: Int, _ now: NIODeadline) {
        if sentAt[slot] >= plan.begin {
            answered += 1
            recorder.record(nanoseconds: (now - sentAt[slot]).nanoseconds)
        }
        release(slot, now)
    }

    private func failed(_ slot: Int, _ now: NIODeadline, _ reason: String?) {
        recorder.failed(1, reason ?? "an error")
        release(slot, now)
    }

    private func release(_ slot: Int, _ now: NIODeadline) {
        underWay -= 1
        recorder.endedAt = now
        free.append(slot)
        switch plan.pace {
        case .closed: send(now, now)
        case .open(let interval): sendDue(interval)
        }
    }

    /// Parses the number in a JSON string such as `"12"`. Returns nil for anything else, or more than 9 digits.
    private static func number(_ json: UnsafeRawBufferPointer) -> Int? {
        guard json.count > 2, json.count < 12, json[0] == UInt8(ascii: "\"") else { return nil }
        var id = 0
        for byte in json[1..<(json.count - 1)] {
            guard byte &- 48 < 10 else { return nil }
            id = id * 10 + Int(byte - 48)
        }
        return id
    }

    private func flush(_ context: ChannelHandlerContext) {
        if writer.count > 0 {
            let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
            writer.reset(keeping: 1024 * 1024)
            context.writeAndFlush(NIOAny(bytes), promise: nil)
        }
        if isEnding, underWay == 0 { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        nextTick?.cancel()
        if underWay > 0 { recorder.failed(underWay, "the connection was lost") }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
