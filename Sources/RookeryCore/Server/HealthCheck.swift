/// Something that a service needs to work: its database, another service.
public struct HealthCheck: Sendable {
    /// What it is called in the answer.
    package let name: String
    /// Whether the service is of no use without it. What it can do some of its work without only degrades it.
    package let isRequired: Bool
    /// Finds out; throws when it is not there. A check that takes over 1 s counts as failed. Its task is cancelled when the
    /// server stops.
    package let check: @Sendable () async throws -> Void

    /// Names a need.
    public init(_ name: String, isRequired: Bool = true, _ check: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.isRequired = isRequired
        self.check = check
    }

    /// A need is not met. Only logs show the text.
    package struct Failed: Error, CustomStringConvertible {
        /// In words, fit for the operator of the service.
        package let description: String

        /// Says why.
        package init(_ description: String) { self.description = description }
    }
}
