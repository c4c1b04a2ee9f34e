import Logging
import NIOCore
import RookeryCore
import RookeryPolicies
import CoreMetrics

/// What all connections of a server share.
struct ServerShared: Sendable {
    var router: Router
    let configuration: ServerConfiguration
    let eventLoops: EventLoops
    let logger: Logger
    let registry: ConnectionRegistry
    /// Tells this run of the server from others of its name.
    let instance: String
    let memory: MemoryBudget
    /// By the positions of the router's entries.
    let loads: [LoadGate]
    let counters: ServerCounters
    /// How long messages take; nil without a metrics backend.
    let metrics: CallMetrics?
    /// The position of the router's entry that tells of the server's health: the last one.
    var healthPosition: Int { loads.count - 1 }

    /// Makes a connection of a channel, or throws why there may not be one more.
    func admit(_ channel: any Channel) throws -> ServerConnection {
        let entry: ConnectionTable.Entry
        do throws(ConnectionTable.Refusal) {
            entry = try registry.table.admit(from: channel.remoteAddress, at: .now()) { channel.close(promise: nil) }
        } catch {
            counters.refusedConnections.increment()
            log(registry.refusals, .warning, "closing a new connection", ["reason": "\(error.rawValue)"])
            throw error
        }
        let connection = ServerConnection(
            shared: self, executor: eventLoops.executor(for: channel.eventLoop), entry: entry,
            peer: channel.remoteAddress?.description ?? "unknown")
        registry.add(connection)
        return connection
    }

    /// Logs what a peer did: a line a second at most, so that no peer can fill the log. What is not written is counted in
    /// the next line.
    func log(
        _ peer: PeerAccount, _ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata = [:]
    ) {
        if level < logger.logLevel { return }
        let second = Int(NIODeadline.now().uptimeNanoseconds / 1_000_000_000)
        guard let suppressed = peer.mayLog(second: second) else { return }
        var metadata = metadata
        metadata["peer"] = "\(peer.address)"
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
