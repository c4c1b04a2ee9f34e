import RookeryWire

/// A message does not fit its type. The error lists the violations.
public struct InvalidPayload: Error, Sendable, Hashable, CustomStringConvertible {
    /// The violations, at most 100.
    public let violations: [Violation]

    /// Creates the error.
    public init(violations: [Violation]) { self.violations = violations }

    /// Creates the error for malformed bytes.
    init(_ malformed: MalformedValue) {
        self.init(violations: [
            Violation(path: "", constraint: "format", message: "cannot be read: \(malformed.description)")
        ])
    }

    /// The path and the text of each violation.
    public var description: String {
        violations.map { "\($0.path.isEmpty ? "message" : $0.path): \($0.message)" }.joined(separator: "; ")
    }
}
