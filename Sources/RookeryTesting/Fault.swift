import NIOCore

/// What a network does to the bytes of a connection.
package enum Fault: Sendable, Hashable {
    /// They arrive that much later.
    case delay(Duration)
    /// That share of what is read at once never arrives; the rest does.
    case drop(Double)
    /// They arrive in pieces of at most so many bytes.
    case slice(Int)
    /// After so many bytes the sender's side is closed, as if it had nothing more to say.
    case halfClose(after: Int)
    /// After so many bytes the connection is reset.
    case reset(after: Int)
    /// After so many bytes nothing arrives any more, and nobody is told.
    case stall(after: Int)
    /// In that share of what is read at once a bit is changed.
    case corrupt(Double)
    /// So many bytes arrive in a second.
    case bandwidth(Int)

    /// Reads `delay=100ms`, `drop=0.1`, `slice=1`, `half-close=1000`, `reset=1000`, `stall=1000`, `corrupt=0.01` or
    /// `bandwidth=65536`; nil when it is none of them.
    package init?(_ text: String) {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard sides.count == 2 else { return nil }
        func share(_ make: (Double) -> Fault) -> Fault? {
            Double(sides[1]).flatMap { (0...1).contains($0) ? make($0) : nil }
        }
        func count(from minimum: Int, _ make: (Int) -> Fault) -> Fault? {
            Int(sides[1]).flatMap { $0 >= minimum ? make($0) : nil }
        }
        let fault: Fault? =
            switch sides[0] {
            case "delay": Self.duration(sides[1]).map { .delay($0) }
            case "drop": share { .drop($0) }
            case "slice": count(from: 1) { .slice($0) }
            case "half-close": count(from: 0) { .halfClose(after: $0) }
            case "reset": count(from: 0) { .reset(after: $0) }
            case "stall": count(from: 0) { .stall(after: $0) }
            case "corrupt": share { .corrupt($0) }
            case "bandwidth": count(from: 1) { .bandwidth($0) }
            default: nil
            }
        guard let fault else { return nil }
        self = fault
    }

    private static func duration(_ text: String) -> Duration? {
        for (unit, milliseconds) in [("ms", 1.0), ("s", 1000)] where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number >= 0, number < 1e7 else { return nil }
            return .milliseconds(number * milliseconds)
        }
        return nil
    }
}

/// One direction of one connection, as faults make it. A value: time and randomness are parameters.
struct FaultyStream {
    /// What is to be done, and when.
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
    /// Nothing overtakes what came before it.
    private var lastAt = NIODeadline.uptimeNanoseconds(0)
    private var isOver = false

    /// Bytes were read.
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

    /// The sender has closed its side, or is gone altogether. What is on its way arrives before that.
    mutating func ended(isGone: Bool, at now: NIODeadline) -> [Step] {
        if isOver, !isGone { return [] }
        isOver = true
        return [Step(at: max(lastAt, now), action: isGone ? .close : .halfClose)]
    }
}
