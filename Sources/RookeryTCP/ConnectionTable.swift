package import NIOCore
import RookeryWire
import Synchronization

/// The connections of a listener. Limits their number, per peer and in total, and closes one to admit a new one when
/// the listener is full.
///
/// A full listener samples 32 random connections and ignores the busy ones. A connection that never sent a complete
/// message gives way first, then the one that has been without a message for longest. So idle sockets cannot lock out a
/// client that sends messages.
package final class ConnectionTable: Sendable {
    /// Limits on the number of connections.
    package struct Limits: Sendable, Hashable {
        /// The most connections in total.
        package var connections: Int
        /// The most connections from one peer.
        package var connectionsPerPeer: Int

        /// Makes limits from both numbers.
        package init(connections: Int, connectionsPerPeer: Int) {
            self.connections = connections
            self.connectionsPerPeer = connectionsPerPeer
        }
    }

    /// One connection. Its event loop updates the entry, and the table reads it from any thread.
    package final class Entry: Sendable {
        /// The connection's peer.
        package let peer: PeerAccount
        private let lastMessageAt: Atomic<UInt64>
        private let hasHadMessage = Atomic<Bool>(false)
        private let isBusy = Atomic<Bool>(false)
        /// The index among the table's entries; -1 once removed. Guarded by the table's lock.
        fileprivate let position = Atomic<Int>(-1)
        fileprivate let giveWay: @Sendable () -> Void

        fileprivate init(peer: PeerAccount, at now: NIODeadline, giveWay: @escaping @Sendable () -> Void) {
            self.peer = peer
            lastMessageAt = Atomic(now.uptimeNanoseconds)
            self.giveWay = giveWay
        }

        /// Notes that a complete message came.
        package func messageCame(at now: NIODeadline) {
            lastMessageAt.store(now.uptimeNanoseconds, ordering: .relaxed)
            if !hasHadMessage.load(ordering: .relaxed) { hasHadMessage.store(true, ordering: .relaxed) }
        }

        /// Sets whether the server is handling a message of the connection. A busy connection never gives way.
        package func setBusy(_ busy: Bool) {
            if isBusy.load(ordering: .relaxed) != busy { isBusy.store(busy, ordering: .relaxed) }
        }

        /// The rank for giving way: the highest gives way first. Nil if the connection is busy and does not give way.
        fileprivate func reluctance(at now: NIODeadline) -> (Int, UInt64)? {
            if isBusy.load(ordering: .relaxed) { return nil }
            let idle = now.uptimeNanoseconds &- min(now.uptimeNanoseconds, lastMessageAt.load(ordering: .relaxed))
            return (hasHadMessage.load(ordering: .relaxed) ? 0 : 1, idle)
        }
    }

    /// Why the table refuses a new connection.
    package enum Refusal: String, Error {
        /// The peer has reached its limit of connections.
        case peer = "the peer has reached its limit of connections"
        /// The listener has reached its limit of connections, and every sampled one is busy.
        case full = "the listener has reached its limit of connections"
        /// The listener is stopping.
        case stopping = "the listener is stopping"
    }

    private struct State {
        var entries: [Entry] = []
        var peers: [String: PeerAccount] = [:]
        var isStopping = false
    }

    private let limits: Limits
    private let random: @Sendable (Int) -> Int
    private let state = Mutex(State())
    /// How many random connections the table samples to find one that gives way.
    private static let candidates = 32

    /// Makes a table without connections. `random` returns a random number from 0 up to, but not including, its
    /// argument.
    package init(_ limits: Limits, random: @escaping @Sendable (Int) -> Int = { Int.random(in: 0..<$0) }) {
        self.limits = limits
        self.random = random
    }

    /// The number of connections.
    package var count: Int { state.withLock { $0.entries.count } }
    /// Whether ``stop()`` was called.
    package var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Admits a connection from `address`, or throws why not. When the listener is full, another connection gives way.
    ///
    /// `giveWay` closes the admitted connection. The table may call it from any thread, and again in ``closeAll()``.
    package func admit(
        from address: SocketAddress?, at now: NIODeadline, giveWay: @escaping @Sendable () -> Void
    ) throws(Refusal) -> Entry {
        let name = Self.peer(address)
        let result = state.withLock { state -> Result<(entry: Entry, victim: Entry?), Refusal> in
            if state.isStopping { return .failure(.stopping) }
            let peer = state.peers[name] ?? PeerAccount(address: name)
            if peer.connections.load(ordering: .relaxed) >= limits.connectionsPerPeer { return .failure(.peer) }
            var victim: Entry?
            if state.entries.count >= limits.connections {
                guard let found = self.victim(state.entries, at: now) else { return .failure(.full) }
                victim = found
                Self.remove(found, from: &state)
            }
            let entry = Entry(peer: peer, at: now, giveWay: giveWay)
            state.peers[name] = peer
            peer.connections.add(1, ordering: .relaxed)
            entry.position.store(state.entries.count, ordering: .relaxed)
            state.entries.append(entry)
            return .success((entry, victim))
        }
        let admitted = try result.get()
        admitted.victim?.giveWay()
        return admitted.entry
    }

    private func victim(_ entries: [Entry], at now: NIODeadline) -> Entry? {
        var found: (entry: Entry, reluctance: (Int, UInt64))?
        for _ in 0..<Self.candidates {
            let entry = entries[random(entries.count)]
            guard let reluctance = entry.reluctance(at: now) else { continue }
            if found.map({ $0.reluctance < reluctance }) ?? true { found = (entry, reluctance) }
        }
        return found?.entry
    }

    /// Removes a connection that has closed or is about to close. Does nothing if the connection has given way already.
    package func remove(_ entry: Entry) { state.withLock { Self.remove(entry, from: &$0) } }

    /// Moves the last entry into the place of the removed one.
    private static func remove(_ entry: Entry, from state: inout State) {
        let position = entry.position.exchange(-1, ordering: .relaxed)
        guard position >= 0, let last = state.entries.popLast() else { return }
        if last !== entry {
            state.entries[position] = last
            last.position.store(position, ordering: .relaxed)
        }
        if entry.peer.connections.subtract(1, ordering: .relaxed).newValue == 0 {
            state.peers[entry.peer.address] = nil
        }
    }

    /// Closes every connection, busy or not.
    package func closeAll() {
        for entry in state.withLock({ $0.entries }) { entry.giveWay() }
    }

    /// Refuses all further connections.
    package func stop() { state.withLock { $0.isStopping = true } }

    /// Returns the name of a peer: the address without its port, or the first 64 bits of an IPv6 address, which is what
    /// one subscriber gets. Without an address the name is `unknown`, and for a Unix domain socket `unix`.
    package static func peer(_ address: SocketAddress?) -> String {
        guard let address else { return "unknown" }
        guard let bytes = address.addressBytes else { return "unix" }
        if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
        return Hexadecimal.text(Array(bytes.prefix(8))) + "/64"
    }
}
