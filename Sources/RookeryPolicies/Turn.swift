import Synchronization

/// A message's wait for a permit. It ends once.
///
/// The turn comes, the waiter gives it up, or the gate takes it away.
package final class Turn: Sendable {
    /// How a wait ended.
    package enum End: Sendable {
        /// The message has a permit.
        case came
        /// The waiter gave the turn up. The turn does not call its action.
        case givenUp
        /// The gate gave the message's place in the queue to another message.
        case takenAway
    }

    private enum State {
        case waiting(@Sendable (End) -> Void)
        case over(End)
    }
    private let state: Mutex<State>

    /// Makes a turn that waits. It calls `action` at most once, on any thread, with `came` or `takenAway`.
    package init(_ action: @escaping @Sendable (End) -> Void) { state = Mutex(.waiting(action)) }

    /// Gives the turn up. Returns how the wait ended: `givenUp`, or how it had ended before.
    @discardableResult
    package func giveUp() -> End { end(.givenUp).end }

    /// Whether the wait goes on.
    var isWaiting: Bool {
        state.withLock { state in
            if case .waiting = state { true } else { false }
        }
    }

    /// Ends the wait with a permit. False if the wait had ended before.
    func come() -> Bool { call(.came) }

    /// Ends the wait without a permit.
    func takeAway() { _ = call(.takenAway) }

    private func call(_ end: End) -> Bool {
        guard let action = self.end(end).action else { return false }
        action(end)
        return true
    }

    private func end(_ end: End) -> (end: End, action: (@Sendable (End) -> Void)?) {
        state.withLock { state in
            switch state {
            case .over(let end): return (end, nil)
            case .waiting(let action):
                state = .over(end)
                return (end, action)
            }
        }
    }
}
