import NIOConcurrencyHelpers
import NIOCore

/// The connections of a server.
final class ConnectionRegistry: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: ServerConnection] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// Limits how many connections are open, and chooses the one that gives way.
    let table: ConnectionTable
    /// The account that limits log lines about refused connections.
    let refusals = PeerAccount(address: "any")
    private let state = NIOLockedValueBox(State())

    init(_ limits: ConnectionTable.Limits) { table = ConnectionTable(limits) }

    /// The number of connections. A closed connection counts until its handlers have returned.
    var count: Int { state.withLockedValue { $0.connections.count } }

    func add(_ connection: ServerConnection) {
        state.withLockedValue { $0.connections[ObjectIdentifier(connection)] = connection }
    }

    var isStopping: Bool { table.isStopping }

    /// Refuses further connections.
    func stop() { table.stop() }

    func remove(_ connection: ServerConnection) {
        table.remove(connection.entry)
        let waiting = state.withLockedValue { state in
            state.connections[ObjectIdentifier(connection)] = nil
            guard state.connections.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Runs `body` for each connection, on the connection's event loop.
    func forEach(_ body: @escaping @Sendable (ServerConnection) -> Void) {
        let connections = state.withLockedValue { Array($0.connections.values) }
        for connection in connections {
            connection.executor.eventLoop.execute { body(connection) }
        }
    }

    /// Returns when there is no connection left.
    func emptied() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLockedValue { state in
                if state.connections.isEmpty { return true }
                state.waiting.append(continuation)
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}
