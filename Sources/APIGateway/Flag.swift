import Synchronization

/// Something that has happened, or not yet.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    /// It has happened.
    func raise() { value.store(true, ordering: .releasing) }
    var isRaised: Bool { value.load(ordering: .acquiring) }
}
