/// A history of concurrent bookings and cancellations at one vendor, and whether there is an order in which they could have
/// happened one at a time (linearizability; Herlihy and Wing 1990).
struct History: Sendable {
    /// The half-open span that a booking occupies, in minutes.
    struct Span: Sendable, Hashable {
        let start: Int
        let end: Int
    }

    /// What an operation did, as its caller saw it.
    enum Outcome: Sendable, Hashable {
        /// A booking with this id was made.
        case booked(Int)
        /// The vendor was full.
        case full
        /// The booking was cancelled.
        case cancelled
        /// The reply was lost: it may have happened, then or later, or not.
        case unknown
    }

    struct Operation: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            case book(Span)
            /// Cancels the booking of another operation of the history, by its index.
            case cancel(Int)
        }

        let kind: Kind
        let outcome: Outcome
        /// When it began and ended. One with an unknown outcome has no end.
        let began: Int
        let ended: Int?
    }

    let operations: [Operation]
    let capacity: Int

    private struct State: Hashable {
        /// The operations that have taken effect.
        var done: Set<Int> = []
        /// The operations whose bookings stand.
        var active: Set<Int> = []
    }

    /// Whether an order exists that explains every outcome.
    var isLinearizable: Bool {
        var seen: Set<State> = []
        return search(State(), &seen)
    }

    private func search(_ state: State, _ seen: inout Set<State>) -> Bool {
        let open = operations.indices.filter { !state.done.contains($0) }
        // What has no answer need not have happened.
        if open.allSatisfy({ operations[$0].outcome == .unknown }) { return true }
        guard seen.insert(state).inserted else { return false }
        // Before any operation that began after it, an operation that has ended must come.
        let earliestEnd = open.compactMap { operations[$0].ended }.min() ?? .max
        for at in open where operations[at].began < earliestEnd {
            if let next = apply(at, to: state), search(next, &seen) { return true }
        }
        return false
    }

    /// The state after an operation takes effect. Nil if its outcome is impossible in this state.
    private func apply(_ at: Int, to state: State) -> State? {
        var next = state
        next.done.insert(at)
        switch (operations[at].kind, operations[at].outcome) {
        case (.book(let span), .full): return fits(span, state) ? nil : next
        case (.book(let span), .booked), (.book(let span), .unknown):
            guard fits(span, state) else { return operations[at].outcome == .unknown ? next : nil }
            next.active.insert(at)
            return next
        case (.cancel(let booking), _):
            guard state.done.contains(booking) else { return nil }
            next.active.remove(booking)
            return next
        case (.book, .cancelled): return nil
        }
    }

    /// Whether one more booking of a span keeps the vendor within its capacity, at every minute.
    private func fits(_ span: Span, _ state: State) -> Bool {
        let spans = state.active.compactMap { at -> Span? in
            if case .book(let other) = operations[at].kind { other } else { nil }
        }
        return (span.start..<span.end).allSatisfy { minute in
            spans.count { $0.start <= minute && minute < $0.end } < capacity
        }
    }

    /// The history as a picture, one line for each operation, for people.
    var drawn: String {
        let last = operations.compactMap(\.ended).max() ?? 0
        return operations.enumerated().map { at, operation in
            let end = operation.ended ?? last + 1
            let bar =
                String(repeating: " ", count: operation.began) + "|"
                + String(repeating: operation.ended == nil ? "." : "-", count: max(0, end - operation.began - 1)) + "|"
            return "\(at)\t\(bar)\t\(operation.kind) → \(operation.outcome)"
        }.joined(separator: "\n")
    }
}
