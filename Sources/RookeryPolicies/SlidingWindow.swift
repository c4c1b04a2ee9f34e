package import NIOCore

/// Sums over the last while, in slots: what is older than the window falls out slot by slot.
package struct SlidingWindow<Sum: AdditiveArithmetic & Sendable>: Sendable {
    private var slots: [Sum]
    private let slotNanoseconds: UInt64
    /// The number of the newest slot since time began; nil before anything was added.
    private var newest: UInt64?
    /// What all slots add up to.
    package private(set) var total = Sum.zero

    /// A window of `length`, cut into `slots`.
    package init(_ length: Duration, slots: Int) {
        self.slots = Array(repeating: .zero, count: max(1, slots))
        slotNanoseconds = UInt64(max(1, length.nanoseconds / Int64(max(1, slots))))
    }

    /// Lets go of what has become too old. A clock that goes backwards changes nothing.
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

    /// Forgets everything but the time.
    package mutating func clear() {
        for at in slots.indices { slots[at] = .zero }
        total = .zero
    }
}
