package import RookeryWire

/// Something wrong with one member of a message.
public struct Violation: Sendable, Hashable {
    /// Where: `owner.pets[2].name`; empty for the message itself.
    public let path: String
    /// Which rule: `required`, `type`, `length`, `range`, …
    public let constraint: String
    /// What is expected, without the offending value.
    public let message: String

    /// Names a violation.
    public init(path: String, constraint: String, message: String) {
        self.path = path
        self.constraint = constraint
        self.message = message
    }

    /// The violation as `{path, constraint, message}`.
    package var jsonValue: JSONValue {
        ["path": .string(path), "constraint": .string(constraint), "message": .string(message)]
    }

    func inside(_ parent: String) -> Violation {
        let joined = path.isEmpty ? parent : path.hasPrefix("[") ? parent + path : "\(parent).\(path)"
        return Violation(path: joined, constraint: constraint, message: message)
    }
}
