/// A check of something that a service depends on, such as its database or another service.
public struct HealthCheck: Sendable {
    /// The name of the check in the report.
    package let name: String
    /// Whether a failure makes the service not ready. If false, a failure only degrades the service.
    package let isRequired: Bool
    /// Runs the check. Throws if the dependency is not available.
    ///
    /// A report waits at most 1 s for the check, and then shows it as down. The server cancels the check's task when it
    /// stops.
    package let check: @Sendable () async throws -> Void

    /// Creates a check. Default: required.
    public init(_ name: String, isRequired: Bool = true, _ check: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.isRequired = isRequired
        self.check = check
    }

    /// The error of a check that failed. Only logs show its text.
    package struct Failed: Error, CustomStringConvertible {
        /// The reason, in words for the operator of the service.
        package let description: String

        /// Creates the error.
        package init(_ description: String) { self.description = description }
    }
}
