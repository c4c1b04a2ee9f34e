import Histogram
import NIOCore
import Rookery
import Synchronization

/// How many calls may still be sent, by all connections together.
final class Remaining: Sendable {
    private let count: Atomic<Int>
    init(_ count: Int) { self.count = Atomic(count) }

    /// Takes one, if there is one.
    func take() -> Bool { count.subtract(1, ordering: .relaxed).newValue >= 0 }
}

/// What every connection of a load does.
struct LoadPlan: Sendable {
    /// The packet up to its id.
    let packet: [UInt8]
    let inFlight: Int
    /// Answers to calls sent before are not counted.
    let begin: NIODeadline
    let end: NIODeadline
    let remaining: Remaining?
}

/// One connection of a load: keeps a number of calls under way. Confined to its event loop.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let plan: LoadPlan
    private let recorder: Recorder
    private var decoder = FrameDecoder()
    private var writer = JSONWriter(capacity: 16 * 1024)
    /// When the call of each slot was sent; a call's id is its slot's number and one.
    private var sentAt: [NIODeadline]
    private var underWay = 0
    private var isEnding = false

    init(_ plan: LoadPlan, _ recorder: Recorder) {
        self.plan = plan
        self.recorder = recorder
        sentAt = Array(repeating: .uptimeNanoseconds(0), count: plan.inFlight)
    }

    func channelActive(context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        for slot in sentAt.indices { send(slot, now) }
        flush(context)
    }

    private func send(_ slot: Int, _ now: NIODeadline) {
        if isEnding || now >= plan.end || plan.remaining?.take() == false {
            isEnding = true
            return
        }
        sentAt[slot] = now
        underWay += 1
        let mark = writer.beginFrame()
        plan.packet.withUnsafeBytes { writer.verbatim($0) }
        writer.endRequest(id: UInt64(slot + 1))
        writer.endFrame(mark)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        let now = NIODeadline.now()
        do {
            while let body = try decoder.next() { try received(body, now) }
        } catch {
            recorder.failed(underWay, "\(error)")
            underWay = 0
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { flush(context) }

    private func received(_ body: ByteBuffer, _ now: NIODeadline) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.id.isPresent, let slot = body.withBytes(of: scan.id, Self.slot),
            sentAt.indices.contains(slot)
        else { return }
        switch ReplyPacket(scan, in: body) {
        case .value(_, isLast: false): return
        case .value, .end, .foreign:
            if sentAt[slot] >= plan.begin {
                recorder.calls += 1
                _ = recorder.latencies.record(UInt64(max(1, (now - sentAt[slot]).nanoseconds)))
            }
        case .failure(let range):
            recorder.failed(1, (try? body.value(of: range))?.jsonText ?? "an error")
        }
        underWay -= 1
        recorder.endedAt = now
        send(slot, now)
    }

    /// The number in `"12"`, less one.
    private static func slot(_ json: UnsafeRawBufferPointer) -> Int? {
        guard json.count > 2, json.count < 12, json[0] == UInt8(ascii: "\"") else { return nil }
        var id = 0
        for byte in json[1..<(json.count - 1)] {
            guard byte &- 48 < 10 else { return nil }
            id = id * 10 + Int(byte - 48)
        }
        return id - 1
    }

    private func flush(_ context: ChannelHandlerContext) {
        if writer.count > 0 {
            let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
            writer.reset()
            context.writeAndFlush(NIOAny(bytes), promise: nil)
        }
        if isEnding, underWay == 0 { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if underWay > 0 { recorder.failed(underWay, "the connection was lost") }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
