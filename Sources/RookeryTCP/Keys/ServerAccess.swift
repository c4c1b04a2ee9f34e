import Foundation
import Logging
import NIOCore
import RookeryCalls
import RookeryCore
import RookeryPolicies
import RookeryWire
import Synchronization

/// Who may call a server: peers with a service key of its keyring.
final class ServerAccess: Sendable {
    private struct State {
        /// The grants of keys that were shown, by the ids of the keys, while the keyring has this version.
        var grants: [String: Grant] = [:]
        var version = 0
        /// The keys that were shown since the server started, by their ids, and when that was last noted.
        var seen: [String: Instant] = [:]
    }

    /// Why a key is refused. The peer is not told.
    enum Refusal: String, Error {
        case unknown = "the keyring does not have the key"
        case expired = "the key is expired"
        case revoked = "the key is revoked"
        case notProven = "the proof is wrong, or was made for a service of another name"
        case wrongText = "the text is not the key of this id"
    }

    private let service: String
    /// The commands of each of the router's entries.
    private let commands: [[Command]]
    private let file: WatchedFile<Keyring>
    private let logger: Logger
    private let onKeyUse: (@Sendable (Caller) -> Void)?
    private let now: @Sendable () -> Instant
    private let state = Mutex(State())

    /// Reads the keyring of a server. `commands` are those of the router's entries, in its order.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting`` if the file cannot be read.
    init(
        _ path: String, service: String, commands: [[Command]], onKeyUse: (@Sendable (Caller) -> Void)? = nil,
        logger: Logger,
        now: @escaping @Sendable () -> Instant = { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
    ) throws(InvalidSetting) {
        self.service = service
        self.commands = commands
        self.onKeyUse = onKeyUse
        self.logger = logger
        self.now = now
        do {
            file = try WatchedFile([path], "keyring", logger: logger) { try Keyring(JSONValue(parsing: $0[0])) }
        } catch {
            throw InvalidSetting("keys", "the file of a keyring; \(path): \(error)")
        }
    }

    /// What a proof allows. `client` and `server` are the nonces of the connection.
    func grant(_ proof: HelloProof, client: String, server: String) -> Result<Grant, Refusal> {
        record(proof.key).flatMap { record, version in
            guard record.accepts(proof, by: service, client: client, server: server) else {
                return .failure(.notProven)
            }
            return .success(grant(of: record, version))
        }
    }

    /// What the text of a key allows, which a plain peer sends.
    func grant(text: String) -> Result<Grant, Refusal> {
        guard let id = ServiceKey.id(of: text) else { return .failure(.unknown) }
        return record(id).flatMap { record, version in
            record.accepts(text: text) ? .success(grant(of: record, version)) : .failure(.wrongText)
        }
    }

    /// What the key of a connection allows now. Nil if it is no longer valid.
    func grant(ofKnown id: String) -> Grant? {
        guard case .success((let record, let version)) = record(id) else { return nil }
        return grant(of: record, version)
    }

    /// The record of a key, and the version of the keyring that has it.
    private func record(_ id: String) -> Result<(KeyRecord, version: Int), Refusal> {
        var (keyring, version) = file.current
        if keyring[id] == nil {
            // A new key may have been added since the file was read last.
            file.reload(atMostEvery: Self.unknownKeyInterval)
            (keyring, version) = file.current
        }
        guard let record = keyring[id] else { return .failure(.unknown) }
        switch record.state(at: now()) {
        case .active: return .success((record, version))
        case .expired: return .failure(.expired)
        case .revoked: return .failure(.revoked)
        }
    }

    private func grant(of record: KeyRecord, _ version: Int) -> Grant {
        let now = now()
        let (grant, isFirst, isNoted) = state.withLock { state in
            if state.version < version {
                state.version = version
                state.grants = [:]
            } else if state.version > version {
                // The keyring has changed meanwhile. The watch looks the connection's key up again.
                return (Grant(record, service, commands), false, false)
            }
            let grant = state.grants[record.id] ?? Grant(record, service, commands)
            state.grants[record.id] = grant
            let noted = state.seen[record.id]
            let isNoted = noted.map { now - Self.noteInterval >= $0 } ?? true
            if isNoted { state.seen[record.id] = now }
            return (grant, noted == nil, isNoted)
        }
        if isFirst {
            logger.notice(
                "a key is used for the first time", metadata: ["key": "\(record.id)", "caller": "\(record.service)"])
        }
        if isNoted { onKeyUse?(grant.caller) }
        return grant
    }

    /// How often the use of a key is noted.
    private static let noteInterval: Duration = .seconds(24 * 3600)

    /// How often unknown keys may have the keyring read.
    static let unknownKeyInterval: TimeAmount = .milliseconds(100)

    /// How often the keyring is read, and keys are checked for their expiry.
    private static let interval: Duration = .milliseconds(500)

    /// Calls `changed` after each change of the keyring and after the expiry of a key that was used, until the task is
    /// cancelled.
    func watch(_ changed: () -> Void) async {
        var ended: Set<String> = []
        var seenVersion = file.current.version
        while !Task.isCancelled {
            // Only cancellation ends the sleep early, and the loop checks for it.
            try? await Task.sleep(for: Self.interval)
            file.reload()
            // A peer with an unknown key may have had the file read before.
            let (keyring, version) = file.current
            let hasChanged = version != seenVersion
            seenVersion = version
            let now = now()
            let seen = state.withLock { Set($0.seen.keys) }
            let last = ended
            ended = seen.filter { keyring[$0]?.state(at: now) != .active }
            if hasChanged || ended != last { changed() }
        }
    }
}
