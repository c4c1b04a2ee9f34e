import Synchronization

/// One place in a queue. It comes once, or is given up before it has come.
package final class Turn: Sendable {
    private let action: Mutex<(@Sendable (_ came: Bool) -> Void)?>

    /// A turn; `action` is called once at most, from any thread: with true when it comes, with false when it is taken away.
    package init(_ action: @escaping @Sendable (_ came: Bool) -> Void) { self.action = Mutex(action) }

    /// Gives it up: its action is not called any more. False when it was called before.
    @discardableResult
    package func giveUp() -> Bool { take() != nil }

    /// It comes. False when it was given up.
    func come() -> Bool { call(true) }

    /// It will not come.
    func takeAway() { _ = call(false) }

    private func call(_ came: Bool) -> Bool {
        guard let action = take() else { return false }
        action(came)
        return true
    }

    private func take() -> (@Sendable (Bool) -> Void)? {
        action.withLock { action in
            defer { action = nil }
            return action
        }
    }
}
