package import RookeryWire

/// A violation of the type or a constraint of one member of a message.
public struct Violation: Sendable, Hashable {
    /// The path of the member: `owner.pets[2].name`. Empty for the message itself.
    public let path: String
    /// The violated rule: `required`, `type`, `length`, `range`, …
    public let constraint: String
    /// The expectation in words, without the received value.
    public let message: String

    /// Creates a violation.
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
