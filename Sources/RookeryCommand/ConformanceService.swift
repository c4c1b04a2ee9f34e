import Rookery
import Synchronization

struct ConformanceService: ConformanceAPI {
    /// 2026-01-01T10:00:00Z
    static let startsAt = Instant(milliseconds: 1_767_261_600_000)

    func count(_ request: CountTo) async throws -> MessageStream<Int> {
        let last = Mutex(0)
        return MessageStream(unfolding: {
            last.withLock { last in
                if last == request.to { return nil }
                last += 1
                return last
            }
        })
    }

    func getBooking(_ request: GetConformanceBooking) async throws -> ConformanceBooking {
        ConformanceBooking(
            id: request.id, status: .confirmed, petName: "Zofie", vendorId: 7, startsAt: Self.startsAt, total: 42.5)
    }
}
