import Synchronization

/// A message's wait for a permit. It ends once: the turn comes, is given up by the waiter, or is taken away by the gate.
package final class Turn: Sendable {
    /// How a wait ended.
    package enum End: Sendable {
        /// The message has a permit.
        case came
        /// The waiter gave it up: its action is not called.
        case givenUp
        /// The gate gave its place in the queue to another.
        case takenAway
    }

    private enum State {
        case waiting(@Sendable (End) -> Void)
        case over(End)
    }
    private let state: Mutex<State>

    /// A turn; `action` is called at most once, from any thread: with `came`, or with `takenAway`.
    package init(_ action: @escaping @Sendable (End) -> Void) { state = Mutex(.waiting(action)) }

    /// Gives it up; gives how it has ended, which may have been otherwise before.
    @discardableResult
    package func giveUp() -> End { end(.givenUp).end }

    /// Whether it waits still.
    var isWaiting: Bool {
        state.withLock { state in
            if case .waiting = state { true } else { false }
        }
    }

    /// It comes. False when it was given up.
    func come() -> Bool { call(.came) }

    /// It will not come.
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
