package import RookeryPolicies

/// Finds the instances of a destination, and reports every change.
package protocol Discovery: Sendable {
    /// The instances known at the start. May be empty.
    var initial: [Instance] { get }

    /// Calls `changed` with every new list of instances until the task is cancelled.
    ///
    /// A lookup that fails reports nothing: the last list stays in use. Returns early if the list can never change.
    func watch(_ changed: ([Instance]) async -> Void) async throws

    /// Reports to the discovery that a connection was lost or refused, so the list may be outdated.
    ///
    /// By default does nothing.
    func suspect()
}

extension Discovery {
    /// Does nothing.
    package func suspect() {}
}
