package import RookeryPolicies

/// Says which instances a destination has, whenever that changes.
package protocol Discovery: Sendable {
    /// What is known from the start; may be empty.
    var initial: [Instance] { get }

    /// Tells every list there is from now on, until it is cancelled. What cannot be found out is not told: the last list
    /// stays.
    func watch(_ changed: ([Instance]) async -> Void) async throws

    /// A connection to an instance was lost or refused: perhaps the list is old. Does nothing unless implemented.
    func suspect()
}

extension Discovery {
    /// Does nothing.
    package func suspect() {}
}
