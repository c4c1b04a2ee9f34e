package import NIOCore
import Synchronization

/// The connections of a listener: how many there may be, of each peer and in all, and which one gives way to a new one when
/// there are as many as there may be.
///
/// When the listener is full, the connection that gives way is one that has never had a complete message, or else the one
/// that has been without a message for longest, of a random few. So sockets that only take up room cannot keep out a client
/// that has something to ask.
package final class ConnectionTable: Sendable {
    /// How many connections there may be.
    package struct Limits: Sendable, Hashable {
        /// In all.
        package var connections: Int
        /// From one peer address.
        package var connectionsPerPeer: Int

        /// Names both.
        package init(connections: Int, connectionsPerPeer: Int) {
            self.connections = connections
            self.connectionsPerPeer = connectionsPerPeer
        }
    }

    /// One connection. Its own loop notes what it does; the table reads that from any thread.
    package final class Entry: Sendable {
        /// The peer it belongs to.
        package let peer: PeerAccount
        private let lastMessageAt: Atomic<UInt64>
        private let hasHadMessage = Atomic<Bool>(false)
        private let isBusy = Atomic<Bool>(false)
        /// Guarded by the table's lock.
        fileprivate let position = Atomic<Int>(-1)
        fileprivate let giveWay: @Sendable () -> Void

        fileprivate init(peer: PeerAccount, at now: NIODeadline, giveWay: @escaping @Sendable () -> Void) {
            self.peer = peer
            lastMessageAt = Atomic(now.uptimeNanoseconds)
            self.giveWay = giveWay
        }

        /// A complete message came.
        package func messageCame(at now: NIODeadline) {
            lastMessageAt.store(now.uptimeNanoseconds, ordering: .relaxed)
            if !hasHadMessage.load(ordering: .relaxed) { hasHadMessage.store(true, ordering: .relaxed) }
        }

        /// Whether something is being done for the peer: such a connection gives way to none.
        package func setBusy(_ busy: Bool) {
            if isBusy.load(ordering: .relaxed) != busy { isBusy.store(busy, ordering: .relaxed) }
        }

        /// Higher gives way first; nil does not give way.
        fileprivate func reluctance(at now: NIODeadline) -> (Int, UInt64)? {
            if isBusy.load(ordering: .relaxed) { return nil }
            let idle = now.uptimeNanoseconds &- min(now.uptimeNanoseconds, lastMessageAt.load(ordering: .relaxed))
            return (hasHadMessage.load(ordering: .relaxed) ? 0 : 1, idle)
        }
    }

    /// Why a new connection is not let in.
    package enum Refusal: String, Error {
        /// Its peer has as many as it may have.
        case peer = "the peer has as many connections as it may have"
        /// There are as many as there may be, and all are busy.
        case full = "there are as many connections as there may be"
        /// The listener stops.
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
    /// Connections looked at to find one that gives way.
    private static let candidates = 32

    /// A table without connections. `random` gives a number below its argument.
    package init(_ limits: Limits, random: @escaping @Sendable (Int) -> Int = { Int.random(in: 0..<$0) }) {
        self.limits = limits
        self.random = random
    }

    /// Connections there are.
    package var count: Int { state.withLock { $0.entries.count } }
    /// Whether no more are let in for good.
    package var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Lets a connection in, or throws why not. `giveWay` closes it; it may be called from any thread, once.
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

    /// A connection is gone, or is about to be. Does nothing when it has given way already.
    package func remove(_ entry: Entry) { state.withLock { Self.remove(entry, from: &$0) } }

    /// The last entry takes the place of the one that goes.
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

    /// Lets no more connections in.
    package func stop() { state.withLock { $0.isStopping = true } }

    /// An address without its port; of an IPv6 address the first 64 bits, which is what one subscriber gets.
    package static func peer(_ address: SocketAddress?) -> String {
        guard let address else { return "unknown" }
        switch address {
        case .v4: return address.ipAddress ?? "unknown"
        case .v6:
            return address.withSockAddr { socket, size in
                // The address of a `sockaddr_in6` (RFC 3493, 3.3) begins at its ninth byte.
                let bytes = Array(UnsafeRawBufferPointer(start: socket, count: size).dropFirst(8).prefix(16))
                guard bytes.count == 16 else { return "unknown" }
                // An IPv4 peer of a socket for both: `::ffff:a.b.c.d`.
                if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                    return bytes.suffix(4).map { String($0) }.joined(separator: ".")
                }
                let prefix = bytes.prefix(8).map { byte in
                    let hex = String(byte, radix: 16)
                    return hex.count == 1 ? "0" + hex : hex
                }
                return prefix.joined() + "/64"
            }
        case .unixDomainSocket: return "unix"
        }
    }
}
