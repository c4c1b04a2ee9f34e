public import Rookery
public import ServiceLifecycle

/// An assembled instance of a service.
public struct Assembled: Sendable {
    /// The handlers that the instance serves.
    public let service: RookeryService
    /// The background work of the instance.
    public let work: [any Service]

    /// Makes an instance with handlers and background work.
    public init(_ service: RookeryService, work: [any Service] = []) {
        self.service = service
        self.work = work
    }
}
