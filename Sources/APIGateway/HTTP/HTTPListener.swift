import Hummingbird
import Logging
import NIOCore
import Rookery

/// The state that all connections of the gateway share.
struct HTTPListener: Sendable {
    let limits: HTTPLimits
    /// Whether connections use TLS.
    let isEncrypted: Bool
    let table: ConnectionTable
    let memory: MemoryBudget
    let now: @Sendable () -> NIODeadline
    let date = HTTPDate()
    /// One for each event loop, by the loop's position.
    private let admissions = EventLoops.shared.executors.map { HTTPAdmission($0) }
    let logger: Logger
    /// Limits the log to one line a second about refused connections.
    private let refusals = PeerAccount(address: "any")

    init(
        _ limits: HTTPLimits, isEncrypted: Bool = false, descriptors: DescriptorLimit = .current, logger: Logger,
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) {
        self.limits = limits
        table = ConnectionTable(
            ConnectionTable.Limits(
                connections: min(limits.connections, descriptors.connections),
                connectionsPerPeer: limits.connectionsPerPeer))
        memory = MemoryBudget(limit: limits.memory)
        self.isEncrypted = isEncrypted
        self.logger = logger
        self.now = now
    }

    /// The admission of the current event loop.
    var admission: HTTPAdmission { admissions[EventLoops.shared.currentPosition ?? 0] }

    /// Admits a connection. If the table refuses it, closes the channel and throws the reason.
    func admit(_ channel: any Channel) throws -> ConnectionTable.Entry {
        do throws(ConnectionTable.Refusal) {
            return try table.admit(from: channel.remoteAddress, at: now()) { channel.close(promise: nil) }
        } catch {
            channel.close(promise: nil)
            let second = Int(now().uptimeNanoseconds / 1_000_000_000)
            if let suppressed = refusals.mayLog(second: second) {
                logger.warning(
                    "closing a new connection",
                    metadata: ["reason": "\(error.rawValue)", "suppressed": "\(suppressed)"])
            }
            throw error
        }
    }
}
