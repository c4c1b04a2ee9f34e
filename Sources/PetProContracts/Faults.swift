public import Rookery

/// Has an instance misbehave for a while, in demo mode.
@Contract
public protocol FaultAPI: Sendable {
    /// Begins a fault, in place of the one before it. It ends by itself; ``SetFault/Kind/none`` ends it earlier, except a kill, which
    /// closes the connections of this command too.
    @MessagePattern(cmd: "set-fault", .safe, group: "telemetry", errors: [])
    func setFault(_ request: SetFault) async throws -> SetFault
}

/// A fault of an instance.
@Message
public struct SetFault: Hashable {
    /// What the instance does.
    @Message
    public enum Kind: String, CaseIterable {
        /// Closes all connections and refuses new ones, as if its process had ended.
        case kill
        /// Answers no command of its service until the fault ends. Its health, and what the console asks, go on.
        case freeze
        /// Answers each message ``SetFault/milliseconds`` later.
        case delay
        /// Leaves every second message unanswered.
        case drop
        /// Behaves.
        case none
    }

    public var kind: Kind
    /// How long the fault lasts.
    @InRange(1...60) public var seconds: Int
    /// How much later answers come, for ``Kind/delay``.
    @InRange(0...5000) public var milliseconds: Int
}
