import Logging
import NIOCore
import RookeryCore
import RookeryPolicies

/// What all connections of a server share.
struct ServerShared: Sendable {
    var router: Router
    let configuration: ServerConfiguration
    let eventLoops: EventLoops
    let logger: Logger
    let registry: ConnectionRegistry
    /// Distinguishes this run of the server from others of the same name.
    let instance: String
    let memory: MemoryBudget
    /// Who may call; nil if every peer may.
    let access: ServerAccess?
    /// The TLS of the connections; nil if there is none.
    let encryption: ServerEncryption?
    /// Decrypts marked members; nil if there are no keys for that.
    let fields: FieldCipher?
    /// Encrypts marked members of answers; nil if they are sent as they are.
    let sealingFields: FieldCipher?
    /// The gates, by the positions of the router's entries.
    let loads: [LoadGate]
    let counters: ServerCounters
    /// Records how many messages are in flight, and how long they take; nil without a metrics backend.
    let metrics: CallMetrics?
    /// The position of the router's health entry, the last one.
    var healthPosition: Int { loads.count - 1 }

    /// Makes a connection of a channel. Throws ``ConnectionTable/Refusal`` if the table refuses it.
    func admit(_ channel: any Channel) throws -> ServerConnection {
        let entry: ConnectionTable.Entry
        do throws(ConnectionTable.Refusal) {
            entry = try registry.table.admit(from: channel.remoteAddress, at: .now()) { channel.close(promise: nil) }
        } catch {
            counters.count(.refusedConnection)
            log(registry.refusals, .warning, "closing a new connection", ["reason": "\(error.rawValue)"])
            throw error
        }
        let connection = ServerConnection(
            shared: self, executor: eventLoops.executor(for: channel.eventLoop), entry: entry,
            peer: channel.remoteAddress?.description ?? "unknown")
        registry.add(connection)
        return connection
    }

    /// Logs what a peer did, at most one line per second, so that no peer can fill the log. The next line states how
    /// many lines were suppressed.
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
