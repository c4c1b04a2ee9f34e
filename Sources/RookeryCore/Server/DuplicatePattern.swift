/// Two commands that are no events have one pattern.
public struct DuplicatePattern: Error, CustomStringConvertible {
    /// The pattern.
    package let pattern: Pattern
    /// The commands' names.
    package let commands: [String]

    package init(pattern: Pattern, commands: [String]) {
        self.pattern = pattern
        self.commands = commands
    }

    /// Names pattern and commands.
    public var description: String {
        "the pattern \(pattern) is registered by \(commands.joined(separator: " and ")); only events may share one"
    }
}
