/// What an instance has seen of a lease that another one holds. It goes by the instance's own uptime, so a clock that is set
/// changes nothing.
struct LeaseObservation: Sendable {
    /// How long a lease stays with a holder that does not renew it: 15 s.
    static let lifetime: Duration = .seconds(15)

    private var seen: LeaseRecord?
    private var since: Duration = .zero

    /// Returns whether the lease may be taken: no instance has it, its holder has ended, or its holder has not renewed it for
    /// ``lifetime``.
    mutating func mayTake(_ record: LeaseRecord?, at uptime: Duration, hasEnded: (String) -> Bool) -> Bool {
        guard let record, !record.holder.isEmpty, !hasEnded(record.holder) else { return true }
        if record != seen {
            seen = record
            since = uptime
        }
        return uptime - since >= Self.lifetime
    }
}
