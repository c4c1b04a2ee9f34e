/// Records events in the audit log, for one part of the platform. Recording never waits.
public struct Auditor: Sendable {
    private let take: @Sendable (AuditEvent) -> Void

    /// Makes an auditor that passes events on.
    public init(_ take: @escaping @Sendable (AuditEvent) -> Void) { self.take = take }

    /// Records nothing.
    public static let none = Auditor { _ in }

    /// Records an event.
    public func record(_ event: AuditEvent) { take(event) }
}
