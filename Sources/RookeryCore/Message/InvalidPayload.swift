import RookeryWire

/// A message that does not fit its type; lists all that is wrong with it.
public struct InvalidPayload: Error, Sendable, Hashable, CustomStringConvertible {
    /// Every violation found, at most 100.
    public let violations: [Violation]

    /// Makes the error.
    public init(violations: [Violation]) { self.violations = violations }

    /// A payload that cannot be read at all.
    init(_ malformed: MalformedValue) {
        self.init(violations: [
            Violation(path: "", constraint: "format", message: "cannot be read: \(malformed.description)")
        ])
    }

    /// Lists paths and rules.
    public var description: String {
        violations.map { "\($0.path.isEmpty ? "message" : $0.path): \($0.message)" }.joined(separator: "; ")
    }
}
