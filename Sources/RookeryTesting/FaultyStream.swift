import NIOCore

/// Applies faults to one direction of one connection. A value: time and randomness are parameters.
struct FaultyStream {
    /// An action and its time.
    struct Step {
        enum Action {
            case write(ByteBuffer)
            case halfClose
            case close
            case reset
        }
        let at: NIODeadline
        let action: Action
    }

    private var bytesSeen = 0
    /// The time of the last step. No later step has an earlier time, so bytes stay in order.
    private var lastAt = NIODeadline.uptimeNanoseconds(0)
    private var isOver = false

    /// Turns bytes that were read into steps. `random` returns numbers from 0 to 1.
    mutating func received(
        _ bytes: ByteBuffer, _ faults: [Fault], at now: NIODeadline, random: () -> Double
    ) -> [Step] {
        if isOver { return [] }
        var bytes = bytes
        var pieces = bytes.readableBytes
        var delay = TimeAmount.zero
        var perByte = 0.0
        var ending: (after: Int, action: Step.Action?)?
        for fault in faults {
            switch fault {
            case .delay(let time): delay = delay + TimeAmount(time)
            case .drop(let share): if random() < share { return [] }
            case .slice(let size): pieces = min(pieces, size)
            case .halfClose(let after): ending = (after, .halfClose)
            case .reset(let after): ending = (after, .reset)
            case .stall(let after): ending = (after, nil)
            case .corrupt(let share):
                guard random() < share, bytes.readableBytes > 0 else { continue }
                let at = bytes.readerIndex + min(bytes.readableBytes - 1, Int(random() * Double(bytes.readableBytes)))
                let byte: UInt8 = bytes.getInteger(at: at) ?? 0
                bytes.setInteger(byte ^ (1 << UInt8(random() * 7.99)), at: at)
            case .bandwidth(let perSecond): perByte = 1e9 / Double(perSecond)
            }
        }
        var steps: [Step] = []
        lastAt = max(lastAt, now + delay)
        var room = ending.map { max(0, $0.after - bytesSeen) } ?? .max
        bytesSeen += bytes.readableBytes
        while room > 0, let piece = bytes.readSlice(length: min(pieces, room, bytes.readableBytes)),
            piece.readableBytes > 0
        {
            room -= piece.readableBytes
            lastAt = lastAt + .nanoseconds(Int64(perByte * Double(piece.readableBytes)))
            steps.append(Step(at: lastAt, action: .write(piece)))
        }
        if let ending, bytesSeen >= ending.after {
            isOver = true
            if let action = ending.action { steps.append(Step(at: lastAt, action: action)) }
        }
        return steps
    }

    /// Turns the end of the sender's side into steps, after all earlier ones. `isGone`: the whole connection has ended.
    mutating func ended(isGone: Bool, at now: NIODeadline) -> [Step] {
        if isOver, !isGone { return [] }
        isOver = true
        return [Step(at: max(lastAt, now), action: isGone ? .close : .halfClose)]
    }
}
