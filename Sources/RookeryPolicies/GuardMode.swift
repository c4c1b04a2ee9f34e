/// Whether a guard enforces its decisions. Every guard has a mode.
package enum GuardMode: String, Sendable, Hashable, CaseIterable {
    /// The guard decides nothing.
    case off
    /// The guard decides, and counts and logs what it would have done. Calls proceed unchanged.
    case observe
    /// The guard enforces its decisions.
    case enforce
}
