import PetProContracts
import PetProStorage
import Rookery

/// One watcher of the inventory: a snapshot of the stock, or nothing after a cursor, then every later change, as fast as the
/// consumer takes them.
///
/// All instances of the service share the log, so a watcher sees the changes of other instances. The snapshot and the
/// log's number come from one transaction, so no change is missed or repeated.
struct InventoryWatch: Sendable {
    let database: Database
    let tail: InventoryTail
    let request: WatchInventoryChanges
    let epoch: String
    let now: @Sendable () -> Instant

    /// Returns the stream of values. Throws `PRODUCT_NOT_FOUND` when a product does not exist or has no stock record.
    func stream() async throws -> MessageStream<InventoryChunk> {
        let request = self.request
        let (records, seqs) = try await database.read { (try $0.watched(request), try $0.seqs()) }
        let seq = seqs.last
        var first: [InventoryChunk] = []
        if let after = request.after {
            switch resumed(after, seqs) {
            case .success(let from):
                let begun = InventoryChunk.heartbeat(cursor: cursor(from), at: now())
                let position = WatchPosition(pending: [begun], seq: from)
                return MessageStream(unfolding: { try await self.next(position) })
            case .failure(let reason): first.append(.reset(why: reason.rawValue))
            }
        }
        first += records.map { record in
            .snapshot(
                productId: record.productId, quantity: record.stock.quantity, reserved: record.stock.reserved,
                available: record.stock.available, status: record.stock.status, version: record.version)
        }
        first.append(.snapshotEnd(cursor: cursor(seq)))
        let position = WatchPosition(pending: first, seq: seq)
        return MessageStream(unfolding: { try await self.next(position) })
    }

    private func cursor(_ seq: Int) -> String { InventoryCursor(epoch: epoch, seq: seq).description }

    /// Why a watch cannot go on after a cursor.
    private enum Gone: String, Error {
        case otherLog = "the cursor is of another log"
        case tooOld = "the changes after the cursor are no longer kept"
    }

    /// The position of a cursor, if all changes after it are still there.
    private func resumed(_ cursor: String, _ seqs: (first: Int?, last: Int)) -> Result<Int, Gone> {
        guard let cursor = InventoryCursor(cursor), cursor.epoch == epoch, cursor.seq <= seqs.last else {
            return .failure(.otherLog)
        }
        let seq = cursor.seq
        // Old changes are deleted from the front.
        return seq >= (seqs.first ?? 1) - 1 ? .success(seq) : .failure(.tooOld)
    }

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

/// The position of a watcher in the log, and the values that it has not returned yet.
private actor WatchPosition {
    private var pending: ArraySlice<InventoryChunk>
    private(set) var seq: Int
    /// The round of the last value. Nil before the first reading.
    private var lastRound: Int?

    init(pending: [InventoryChunk], seq: Int) {
        self.pending = pending[...]
        self.seq = seq
    }

    func takePending() -> InventoryChunk? { pending.popFirst() }

    func add(_ chunk: InventoryChunk) { pending.append(chunk) }

    /// Adds the chunks of a reading. Returns true when a heartbeat is due, because there was no value for a while.
    func add(_ chunks: [InventoryChunk], readTo seq: Int, round: Int) -> Bool {
        pending.append(contentsOf: chunks)
        self.seq = seq
        let isSilent = chunks.isEmpty && round - (lastRound ?? round - 1) >= InventoryTail.silentRounds
        if !chunks.isEmpty || isSilent || lastRound == nil { lastRound = round }
        return isSilent
    }
}
