public import Rookery
public import ServiceLifecycle

/// An instance of a service, put together.
public struct Assembled: Sendable {
    /// What it serves.
    public let service: RookeryService
    /// What it does in the background.
    public let work: [any Service]

    /// Names both.
    public init(_ service: RookeryService, work: [any Service] = []) {
        self.service = service
        self.work = work
    }
}
