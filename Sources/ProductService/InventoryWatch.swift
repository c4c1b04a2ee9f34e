import PetProContracts
import PetProStorage
import Rookery

/// One watcher of the inventory log: the stock as it is, then every change after that, as fast as it is taken.
///
/// It reads the log that all instances of the service share, so it sees what another instance writes; and since the
/// snapshot and the log's number come from one transaction, nothing is missed and nothing comes twice.
struct InventoryWatch: Sendable {
    let database: Database
    let tail: InventoryTail
    let request: WatchInventoryChanges
    let epoch: String
    let now: @Sendable () -> Instant

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
        let position = WatchPosition(pending: first, seq: seq)
        return MessageStream(unfolding: { try await self.next(position) })
    }

    private func cursor(_ seq: Int) -> String { "\(epoch):\(seq)" }

    private func next(_ position: WatchPosition) async throws -> InventoryChunk? {
        let ids = request.productIds.map(Set.init)
        let vendorId = request.vendorId
        while true {
            if let chunk = await position.takePending() { return chunk }
            let seq = await position.seq
            let reading = try await tail.changes(after: seq)
            let wanted = reading.entries.filter { entry in
                ids?.contains(entry.productId) ?? (entry.vendorId == vendorId)
            }
            let readTo = reading.entries.last?.seq ?? seq
            if await position.add(wanted.map(\.chunk), readTo: readTo, round: reading.round) {
                await position.add(.heartbeat(cursor: cursor(readTo), at: now()))
            }
        }
    }
}

/// Where a watcher stands.
private actor WatchPosition {
    private var pending: ArraySlice<InventoryChunk>
    private(set) var seq: Int
    /// When the last value was sent; nil before the tail was first asked.
    private var lastRound: Int?

    init(pending: [InventoryChunk], seq: Int) {
        self.pending = pending[...]
        self.seq = seq
    }

    func takePending() -> InventoryChunk? { pending.popFirst() }

    func add(_ chunk: InventoryChunk) { pending.append(chunk) }

    /// Adds what was read; true when nothing has been sent for so long that a heartbeat is due.
    func add(_ chunks: [InventoryChunk], readTo seq: Int, round: Int) -> Bool {
        pending.append(contentsOf: chunks)
        self.seq = seq
        let isSilent = chunks.isEmpty && round - (lastRound ?? round - 1) >= InventoryTail.silentRounds
        if !chunks.isEmpty || isSilent || lastRound == nil { lastRound = round }
        return isSilent
    }
}
