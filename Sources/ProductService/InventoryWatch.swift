import PetProContracts
import PetProStorage
import Rookery

/// One watcher of the inventory log: the stock as it is, then every change after that, as fast as it is taken.
///
/// It reads the log that all instances of the service share, so it sees what another instance writes; and since the
/// snapshot and the log's number come from one transaction, nothing is missed and nothing comes twice.
final class InventoryWatch: Sendable {
    /// A value at least this often, so that a silent stream is a broken one.
    static let heartbeat: Duration = .seconds(2)
    /// How often the log is looked at when nobody says that it has grown.
    static let poll: Duration = .milliseconds(250)
    private static let batch = 256

    private let database: Database
    private let request: WatchInventoryChanges
    private let epoch: String
    private let now: @Sendable () -> Instant
    private let clock: any Clock<Duration>

    init(
        database: Database, request: WatchInventoryChanges, epoch: String, now: @escaping @Sendable () -> Instant,
        clock: any Clock<Duration>
    ) {
        self.database = database
        self.request = request
        self.epoch = epoch
        self.now = now
        self.clock = clock
    }

    /// The values. Throws `PRODUCT_NOT_FOUND` before the first one when a product does not exist.
    func stream() async throws -> MessageStream<InventoryChunk> {
        let request = self.request
        let (records, seq) = try await database.read { (try $0.watched(request), try $0.lastSeq()) }
        var first: [InventoryChunk] = records.map { record in
            .snapshot(
                productId: record.productId, quantity: record.stock.quantity, reserved: record.stock.reserved,
                available: record.stock.available, status: record.stock.status, version: record.version)
        }
        first.append(.snapshotEnd(cursor: cursor(seq)))
        let position = WatchPosition(pending: first, seq: seq, lastValueAt: now())
        return MessageStream(unfolding: { try await self.next(position) })
    }

    private func cursor(_ seq: Int) -> String { "\(epoch):\(seq)" }

    private func next(_ position: WatchPosition) async throws -> InventoryChunk? {
        let request = self.request
        while !Task.isCancelled {
            if let chunk = await position.takePending(at: now()) { return chunk }
            let seq = await position.seq
            let (chunks, readTo) = try await database.read {
                try $0.changes(after: seq, request, limit: Self.batch)
            }
            await position.add(chunks, readTo: readTo)
            if readTo > seq { continue }
            if await position.isSilent(for: Self.heartbeat, at: now()) {
                await position.add([.heartbeat(cursor: cursor(seq), at: now())], readTo: seq)
                continue
            }
            try await clock.sleep(for: Self.poll)
        }
        throw CancellationError()
    }
}

/// Where a watcher stands.
private actor WatchPosition {
    private var pending: ArraySlice<InventoryChunk>
    private(set) var seq: Int
    private var lastValueAt: Instant

    init(pending: [InventoryChunk], seq: Int, lastValueAt: Instant) {
        self.pending = pending[...]
        self.seq = seq
        self.lastValueAt = lastValueAt
    }

    func takePending(at now: Instant) -> InventoryChunk? {
        guard let chunk = pending.popFirst() else { return nil }
        lastValueAt = now
        return chunk
    }

    func add(_ chunks: [InventoryChunk], readTo seq: Int) {
        pending.append(contentsOf: chunks)
        self.seq = seq
    }

    func isSilent(for time: Duration, at now: Instant) -> Bool { now >= lastValueAt + time }
}
