/// How far a guard goes. Every guard has one.
package enum GuardMode: String, Sendable, Hashable, CaseIterable {
    /// Decides nothing.
    case off
    /// Decides, counts and logs what it would have done, and changes nothing.
    case observe
    /// Does what it decides.
    case enforce
}
