package import NIOCore

/// A sum over a recent period, kept in slots. The sum loses one slot at a time when the slot is older than the window.
package struct SlidingWindow<Sum: AdditiveArithmetic & Sendable>: Sendable {
    private var slots: [Sum]
    private let slotNanoseconds: UInt64
    /// The number of the newest slot, counted from uptime 0. Nil before the first use.
    private var newest: UInt64?
    /// The sum of all slots.
    package private(set) var total = Sum.zero

    /// Makes a window of `length`, divided into `slots` slots, at least 1.
    package init(_ length: Duration, slots: Int) {
        self.slots = Array(repeating: .zero, count: max(1, slots))
        slotNanoseconds = UInt64(max(1, length.nanoseconds / Int64(max(1, slots))))
    }

    /// Drops the slots that are too old. A time before the newest slot changes nothing.
    package mutating func advance(to now: NIODeadline) {
        let slot = now.uptimeNanoseconds / slotNanoseconds
        guard let newest else {
            self.newest = slot
            return
        }
        guard slot > newest else { return }
        let passed = slot - newest
        if passed >= UInt64(slots.count) {
            clear()
        } else {
            for step in 1...passed {
                let at = Int((newest + step) % UInt64(slots.count))
                total -= slots[at]
                slots[at] = .zero
            }
        }
        self.newest = slot
    }

    /// Adds to the slot of `now`.
    package mutating func add(_ amount: Sum, at now: NIODeadline) {
        advance(to: now)
        guard let newest else { return }
        slots[Int(newest % UInt64(slots.count))] += amount
        total += amount
    }

    /// Clears all slots, but keeps the time.
    package mutating func clear() {
        for at in slots.indices { slots[at] = .zero }
        total = .zero
    }
}
